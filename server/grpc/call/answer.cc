// SPDX-License-Identifier: Apache-2.0

#include "server/grpc/call/answer.h"

#include <algorithm>
#include <iterator>
#include <limits>
#include <utility>

#include "server/engine/limits.h"

namespace cascade::server {
namespace {

std::size_t BytesOf(const model::GeneratedToken& token) {
  if (!token.log_probs) return 0;
  const std::size_t candidates = token.log_probs->candidates.size() + token.log_probs->given.size();
  return sizeof(token) + candidates * sizeof(model::TokenLogProb);
}

}  // namespace

absl::string_view FinishReasonName(model::FinishReason reason) {
  switch (reason) {
    case model::FinishReason::kEos:
      return "eos";
    case model::FinishReason::kStopToken:
      return "stop_token";
    case model::FinishReason::kStopString:
      return "stop_string";
    case model::FinishReason::kConstraintComplete:
      return "constraint_complete";
    case model::FinishReason::kMaxTokens:
      return "max_tokens";
    case model::FinishReason::kContextFull:
      return "context_full";
    case model::FinishReason::kTimeLimit:
      return "time_limit";
  }
  return "";
}

Answer::Answer(const GenerationRequest& request, std::size_t truncated_tokens, bool keep_tokens)
    : request_id_(request.id),
      owner_(request.owner),
      prompt_tokens_(PromptOf(request).size()),
      truncated_tokens_(truncated_tokens),
      resumed_tokens_(request.resumed),
      has_beams_(request.params.beams.has_value()),
      keep_tokens_(keep_tokens),
      scored_tokens_(request.prompt.size() - FirstScored(request)),
      choices_(request.choices) {
  for (std::size_t choice = 0; choice < choices_.size(); ++choice) {
    choices_[choice].seed = SeedOf(request, choice);
  }
}

void Answer::ShowBest(std::size_t count, Order order) {
  best_ = Best{.count = count, .by = order, .order = {}};
  for (std::size_t choice = 0; choice < choices_.size(); ++choice) best_->order.push_back(choice);
}

void Answer::RankChoices() noexcept {
  const auto merit = [this](std::size_t index) {
    const Choice& choice = choices_[index];
    if (choice.tokens == 0) return -std::numeric_limits<double>::infinity();
    if (best_->by == Order::kTotal) return choice.log_prob;
    return choice.log_prob / static_cast<double>(choice.tokens);
  };
  // Not stable_sort, which may allocate. Equal ones in the order of their numbers.
  std::ranges::sort(best_->order, [&merit](std::size_t a, std::size_t b) {
    return merit(a) != merit(b) ? merit(a) > merit(b) : a < b;
  });
}

void Answer::LeaveOutTheMissing() noexcept {
  const auto is_there = [](const Choice& choice) { return choice.finish.has_value(); };
  const auto found = static_cast<std::size_t>(std::ranges::count_if(choices_, is_there));
  best_->count = std::min(best_->count, found);
}

void Answer::Start(std::size_t cached_tokens) {
  cached_tokens_ = cached_tokens;
  started_ = true;
}

void Answer::AddPrompt(std::vector<model::GeneratedToken> tokens) {
  for (const model::GeneratedToken& token : tokens) {
    if (!token.log_probs) continue;  // the prompt's first
    score_.log_prob += static_cast<double>(token.log_probs->chosen);
    ++score_.tokens;
    score_.is_greedy = score_.is_greedy && token.log_probs->rank == 1;
  }
  if (keep_prompt_) std::move(tokens.begin(), tokens.end(), std::back_inserter(prompt_));
}

void Answer::AddHidden(model::ConstMatF rows) {
  if (hidden_) hidden_->Add(rows);
}

void Answer::Add(std::size_t index, model::DecodingStep step) {
  Choice& choice = choices_[index];
  started_ = true;
  Backlog added = {.tokens = step.token ? 1U : 0U, .bytes = step.text.size()};
  choice.delta.text.append(step.text);
  if (step.token) {
    ++choice.tokens;
    if (step.token->log_probs) {
      const model::LogProbs& log_probs = *step.token->log_probs;
      choice.log_prob += static_cast<double>(log_probs.raw.value_or(log_probs.chosen));
    }
    if (keep_tokens_) {
      added.bytes += BytesOf(*step.token);
      choice.delta.tokens.push_back(*std::move(step.token));
    }
  }
  if (step.finish) choice.finish = std::move(step.finish);
  has_finish_ |= choice.finish.has_value();
  for (Backlog* backlog : {&choice.backlog, &backlog_}) {
    backlog->tokens += added.tokens;
    backlog->bytes += added.bytes;
  }
}

void Answer::Finish(const RunStats& stats) noexcept {
  run_stats_ = stats;
  if (best_ && best_->by == Order::kNumber) {
    LeaveOutTheMissing();
  } else if (best_) {
    RankChoices();
  }
  outcome_ = absl::OkStatus();
}

void Answer::Fail(absl::Status status) noexcept { outcome_ = std::move(status); }

std::size_t Answer::generated_tokens() const {
  std::size_t tokens = 0;
  for (const Choice& choice : choices_) tokens += choice.tokens;
  return tokens;
}

void Answer::TakeDelta(std::size_t index, Delta& delta) noexcept {
  Choice& choice = choices_[index];
  delta.text.clear();
  delta.tokens.clear();
  std::swap(choice.delta, delta);
  backlog_.tokens -= choice.backlog.tokens;
  backlog_.bytes -= choice.backlog.bytes;
  choice.backlog = {};
}

}  // namespace cascade::server
