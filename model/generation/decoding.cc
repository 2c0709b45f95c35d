// SPDX-License-Identifier: Apache-2.0

#include "model/generation/decoding.h"

#include <algorithm>
#include <cassert>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "model/generation/logit_processors.h"
#include "model/generation/token_log_probs.h"
#include "model/sampling/argmax.h"

namespace cascade::model {
namespace {

bool Contains(const std::vector<TokenId>& tokens, TokenId token) {
  return std::find(tokens.begin(), tokens.end(), token) != tokens.end();
}

SamplingParams OfChoice(SamplingParams params, std::uint32_t choice) {
  params.seed += choice;
  return params;
}

}  // namespace

Decoding::Decoding(const GenerationParams& params, std::uint32_t choice,
                   std::span<const TokenId> prompt, std::size_t n_ctx, const Tokenizer& tokenizer)
    : params_(params),
      constraint_(params.constraint ? std::make_unique<ConstraintCursor>(params.constraint)
                                    : nullptr),
      processors_(MakeLogitProcessors(params, prompt, tokenizer, constraint_.get())),
      sampler_(OfChoice(params.sampling, choice)),
      prompt_tokens_(prompt.size()),
      n_ctx_(n_ctx),
      tokenizer_(tokenizer),
      stop_matcher_(params.stopping.stop) {
  assert(0 < prompt_tokens_);
}

absl::StatusOr<DecodingStep> Decoding::Next(std::span<const float> logits) {
  assert(!finished() && !logits.empty() && prompt_tokens_ < n_ctx_);
  if (absl::Status status = CheckFinite(logits); !status.ok()) return status;
  std::span<const float> drawn_from = logits;
  const absl::StatusOr<TokenId> token = Choose(logits, drawn_from);
  if (!token.ok()) return token.status();
  GeneratedToken generated{.id = *token, .log_probs = {}};
  if (params_.output.logprobs) {
    generated.log_probs = LogProbsOfChosen(logits, drawn_from, *token);
  }
  return Take(std::move(generated));
}

DecodingStep Decoding::Take(GeneratedToken token) {
  assert(!finished());
  const TokenId id = token.id;
  ++generated_;
  processors_.Accept(id);
  DecodingStep step{.token = std::move(token), .text = {}, .finish = {}};
  step.finish = FinishByToken(id);
  if (!step.finish) step.finish = AddText(id, step.text);
  if (!step.finish) step.finish = FinishByConstraint();
  if (!step.finish) step.finish = FinishByLimit();
  if (step.finish && step.finish->reason != FinishReason::kStopString) {
    step.text += TakeHeldBackText();
  }
  finish_ = step.finish;
  return step;
}

absl::Status Decoding::Resume(std::span<const TokenId> tokens) {
  assert(generated_ == 0);
  std::size_t steps = kMaxResumeSteps;
  for (std::size_t i = 0; i < tokens.size(); ++i) {
    if (finished()) {
      return absl::InvalidArgumentError(absl::StrCat("token ", i - 1, " of the ", tokens.size(),
                                                     " that were there, ", tokens[i - 1],
                                                     ", ends the answer; nothing may follow it"));
    }
    const absl::StatusOr<bool> follows = FollowsConstraint(tokens[i], steps);
    if (!follows.ok()) return follows.status();
    if (!*follows) {
      return absl::InvalidArgumentError(absl::StrCat("token ", i, " of the ", tokens.size(),
                                                     " that were there, ", tokens[i],
                                                     ", is none that the constraint allows"));
    }
    Take({.id = tokens[i], .log_probs = {}});
  }
  return absl::OkStatus();
}

absl::StatusOr<bool> Decoding::FollowsConstraint(TokenId token, std::size_t& steps) const {
  if (constraint_ == nullptr) return true;
  if (FinishByToken(token)) return constraint_->CanEnd();
  return constraint_->Allows(token, steps);
}

std::vector<TokenId> Decoding::ForcedTokens(std::size_t limit) const {
  if (constraint_ == nullptr || limit == 0) return {};
  constexpr std::size_t kBytesForToken = 8;  // more than most tokens have
  const std::string text = constraint_->ForcedBytes(limit * kBytesForToken);
  if (text.empty()) return {};
  absl::StatusOr<std::vector<TokenId>> tokens = tokenizer_.Encode(text, SpecialTokens::kAsText);
  if (!tokens.ok()) return {};
  // The tokenizer may have tokens that the model lacks.
  const auto unknown = std::ranges::find_if(
      *tokens, [this](TokenId token) { return token >= constraint_->vocab_size(); });
  tokens->erase(unknown, tokens->end());
  tokens->resize(std::min(limit, tokens->size()));
  return *std::move(tokens);
}

DecodingStep Decoding::Stop(FinishReason reason) {
  assert(!finished());
  finish_ = Finish{.reason = reason, .matched_stop = {}, .matched_token = {}};
  return {.token = std::nullopt, .text = TakeHeldBackText(), .finish = finish_};
}

std::string Decoding::TakeHeldBackText() { return stop_matcher_.Flush() + utf8_.Flush(); }

absl::StatusOr<TokenId> Decoding::Choose(std::span<const float> logits,
                                         std::span<const float>& drawn_from) {
  const bool processed = processors_.active();
  if (!processed && params_.sampling.greedy()) return Argmax(logits);  // no copy of the row

  logits_.assign(logits.begin(), logits.end());
  if (processed) {
    if (absl::Status status = processors_.Process(logits_); !status.ok()) return status;
  }
  const std::size_t position = prompt_tokens_ + generated_;
  if (params_.output.distribution == Distribution::kRaw) return sampler_.Sample(logits_, position);
  drawn_from = logits_;
  return sampler_.SampleAndCut(logits_, position);
}

LogProbs Decoding::LogProbsOfChosen(std::span<const float> logits,
                                    std::span<const float> drawn_from, TokenId token) const {
  LogProbs log_probs = LogProbsOf(drawn_from, token, params_.output);
  if (drawn_from.data() != logits.data()) {
    log_probs.raw = ComputeLogProbs(logits, token, /*num_candidates=*/0).chosen;
  }
  return log_probs;
}

std::optional<Finish> Decoding::FinishByToken(TokenId token) const {
  const auto finish = [token](FinishReason reason) {
    return Finish{.reason = reason, .matched_stop = {}, .matched_token = token};
  };
  if (Contains(params_.stopping.eos_token_ids, token)) return finish(FinishReason::kEos);
  if (Contains(params_.stopping.stop_token_ids, token)) return finish(FinishReason::kStopToken);
  return std::nullopt;
}

std::optional<StopMatcher::Result> Decoding::ReadText(TokenId token, std::size_t count,
                                                      Utf8Stream& utf8, StopMatcher& stops) const {
  if (token >= tokenizer_.vocab_size()) return std::nullopt;
  const bool is_hidden = tokenizer_.IsSpecial(token) && !params_.output.special_tokens_in_text;
  if (is_hidden) return std::nullopt;
  // A stop string counts if it ends at the minimum or later, wherever it began.
  const bool too_early = count < params_.stopping.min_new_tokens;
  return stops.Push(utf8.Push(tokenizer_.Bytes(token)),
                    too_early ? StopMatcher::Matches::kPassOver : StopMatcher::Matches::kStop);
}

std::optional<Finish> Decoding::AddText(TokenId token, std::string& text) {
  std::optional<StopMatcher::Result> read = ReadText(token, generated_, utf8_, stop_matcher_);
  if (!read) return std::nullopt;
  text = std::move(read->text);
  if (!read->stop) return std::nullopt;
  if (params_.stopping.include_stop) text += *read->stop;
  return Finish{.reason = FinishReason::kStopString,
                .matched_stop = *std::move(read->stop),
                .matched_token = {}};
}

bool Decoding::Ends(TokenId token) const {
  if (FinishByToken(token)) return true;
  if (constraint_ != nullptr && constraint_->MustEndAfter(token)) return true;
  if (params_.stopping.stop.empty()) return false;
  Utf8Stream utf8 = utf8_;
  StopMatcher stops = stop_matcher_;
  const std::optional<StopMatcher::Result> read = ReadText(token, generated_ + 1, utf8, stops);
  return read && read->stop;
}

std::optional<Finish> Decoding::FinishByConstraint() const {
  if (constraint_ == nullptr || !constraint_->MustEnd()) return std::nullopt;
  return Finish{
      .reason = FinishReason::kConstraintComplete, .matched_stop = {}, .matched_token = {}};
}

std::optional<Finish> Decoding::FinishByLimit() const {
  if (generated_ >= params_.stopping.max_new_tokens) {
    return Finish{.reason = FinishReason::kMaxTokens, .matched_stop = {}, .matched_token = {}};
  }
  if (prompt_tokens_ + generated_ >= n_ctx_) {
    return Finish{.reason = FinishReason::kContextFull, .matched_stop = {}, .matched_token = {}};
  }
  return std::nullopt;
}

}  // namespace cascade::model
