// SPDX-License-Identifier: Apache-2.0

#include "server/engine/request_group.h"

#include <algorithm>
#include <cmath>
#include <span>
#include <utility>

#include "absl/strings/str_cat.h"
#include "model/generation/token_log_probs.h"
#include "server/engine/limits.h"

namespace cascade::server {

namespace {

absl::Status CheckFiniteHidden(std::span<const float> state) {
  const auto bad = std::ranges::find_if(state, [](float x) { return !std::isfinite(x); });
  if (bad == state.end()) return absl::OkStatus();
  return absl::InternalError(absl::StrCat(
      "dimension ", bad - state.begin(), " of a hidden state is ", *bad,
      ", not a finite number: the model's weights are broken, or a value was beyond the range of ",
      "float16 weights or of a float16 KV cache, which bf16 and f32 do not have"));
}

}  // namespace

RequestGroup::RequestGroup(QueuedRequest queued, std::size_t n_ctx,
                           const model::Tokenizer& tokenizer)
    : queued_(std::move(queued)),
      next_hidden_(request().hidden_from.value_or(0)),
      next_scored_(FirstScored(request())) {
  choices_.reserve(request().choices);
  for (std::size_t i = 0; i < request().choices; ++i) {
    choices_.push_back(std::make_unique<Sequence>(*this, i, n_ctx, tokenizer));
  }
  if (request().params.beams) beams_ = std::make_unique<Beams>(request(), n_ctx, tokenizer);
}

std::size_t RequestGroup::CountUnfinished() const {
  if (beams_ != nullptr) return choices_.size();
  return static_cast<std::size_t>(
      std::ranges::count_if(choices_, [](const auto& choice) { return !choice->finished(); }));
}

Sequence* RequestGroup::FindPlaced() const {
  const auto placed =
      std::ranges::find_if(choices_, [](const auto& choice) { return choice->has_blocks(); });
  return placed == choices_.end() ? nullptr : placed->get();
}

bool RequestGroup::RunsPrompt() const {
  const auto has_run_it = [this](const auto& choice) {
    return choice->has_blocks() && choice->position() >= request().prompt.size();
  };
  return FindPlaced() != nullptr && std::ranges::none_of(choices_, has_run_it);
}

bool RequestGroup::IsPreempted(const Sequence& sequence) const {
  if (sequence.has_blocks() || sequence.finished()) return false;
  return sequence.generated_tokens() > 0 || FindPlaced() == nullptr;
}

std::size_t RequestGroup::CountPreempted() const {
  return static_cast<std::size_t>(
      std::ranges::count_if(choices_, [this](const auto& choice) { return IsPreempted(*choice); }));
}

std::size_t RequestGroup::PendingTokens() const {
  // Choices without blocks share one run of the prompt, if it has to run at all.
  std::size_t pending = FindPlaced() == nullptr ? request().prompt.size() : 0;
  for (const auto& choice : choices_) {
    if (choice->finished()) continue;
    pending += choice->has_blocks() ? choice->pending() : choice->generated_tokens();
  }
  return pending;
}

std::size_t RequestGroup::MostTokensToCome() const {
  const std::size_t most = request().params.stopping.max_new_tokens - request().resumed;
  std::size_t tokens = 0;
  for (const auto& choice : choices_) {
    if (!choice->finished()) tokens += most - std::min(most, choice->generated_tokens());
  }
  return tokens;
}

absl::StatusOr<std::vector<model::GeneratedToken>> RequestGroup::ScorePrompt(
    model::ConstMatF logits) {
  const std::vector<model::TokenId>& prompt = request().prompt;
  std::vector<model::GeneratedToken> scored;
  scored.reserve(logits.rows() + 1);
  if (next_scored_ == 0) scored.push_back({.id = prompt[next_scored_++], .log_probs = {}});
  for (std::size_t row = 0; row < logits.rows(); ++row) {
    const model::TokenId token = prompt[next_scored_];
    if (absl::Status status = model::CheckFinite(logits.Row(row)); !status.ok()) return status;
    scored.push_back(
        {.id = token,
         .log_probs = model::LogProbsOf(logits.Row(row), token, request().params.output)});
    ++next_scored_;
  }
  return scored;
}

absl::Status RequestGroup::DeliverHidden(model::ConstMatF rows) {
  for (std::size_t row = 0; row < rows.rows(); ++row) {
    if (absl::Status status = CheckFiniteHidden(rows.Row(row)); !status.ok()) return status;
  }
  request().sink->OnHidden(rows);
  next_hidden_ += rows.rows();
  return absl::OkStatus();
}

void RequestGroup::Release() {
  for (const auto& choice : choices_) choice->ReleaseBlocks();
  queued_.request.permit = {};
  released_ = true;
}

void RequestGroup::PollSink(absl::Time now, absl::Duration at_most) {
  if (!request().sink->IsStalled()) {
    seen_stalled_.reset();
    stalled_for_ = absl::ZeroDuration();
    return;
  }
  if (seen_stalled_) {
    stalled_for_ += std::clamp(now - *seen_stalled_, absl::ZeroDuration(), at_most);
  }
  seen_stalled_ = now;
}

void RequestGroup::MarkStarted(absl::Time now) {
  if (!started_) started_ = now;
}

void RequestGroup::MarkToken(absl::Time now) {
  last_token_at_ = now;
  if (!first_token_at_) first_token_at_ = now;
}

RunStats RequestGroup::run_stats(absl::Time now) const {
  // Never negative, though a system's clock may be set back.
  const auto between = [](absl::Time from, absl::Time to) {
    return std::max(to - from, absl::ZeroDuration());
  };
  const absl::Time started = started_.value_or(now);
  const absl::Time first_token = first_token_at_.value_or(now);
  const Timings timings = {
      .queue = between(queued_.submitted, started),
      .prefill = between(started, first_token),
      .decode = first_token_at_ ? between(first_token, last_token_at_) : absl::ZeroDuration()};
  return {
      .timings = timings, .drafted_tokens = drafted_tokens_, .accepted_tokens = accepted_tokens_};
}

}  // namespace cascade::server
