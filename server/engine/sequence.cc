#include "server/engine/sequence.h"

#include <algorithm>
#include <cassert>
#include <utility>

#include "model/generation/prompt_lookup.h"

namespace cascade::server {

Sequence::Sequence(QueuedRequest queued, std::size_t n_ctx, const model::Tokenizer& tokenizer)
    : queued_(std::move(queued)),
      decoding_(request().params, /*choice=*/0, request().prompt.size(), n_ctx, tokenizer),
      n_ctx_(n_ctx),
      tokens_(request().prompt) {}

void Sequence::Place(model::BlockTable blocks, std::size_t cached_tokens) {
  assert(cached_tokens < tokens_.size() && blocks.capacity() >= tokens_.size());
  blocks_ = std::move(blocks);
  run_ = cached_tokens;
  furthest_ = std::max(furthest_, run_);
  if (std::exchange(told_start_, true)) return;
  request().sink->OnStarted(cached_tokens);
}

void Sequence::Preempt() {
  blocks_.Reset();
  run_ = 0;
}

std::size_t Sequence::new_tokens_left() const {
  return request().params.stopping.max_new_tokens - decoding_.generated_tokens();
}

std::size_t Sequence::Draft(std::size_t limit) {
  assert(pending() == 1);
  // Each drafted token must be one that may be generated and run: the last of all never runs.
  const std::size_t room = std::min(
      {new_tokens_left() - 1, n_ctx_ - tokens_.size(), blocks_.capacity() - tokens_.size()});
  const std::span<const model::TokenId> found = model::LookUpDraft(tokens_, std::min(limit, room));
  if (!found.empty()) draft_ = static_cast<std::size_t>(found.data() - tokens_.data());
  return found.size();
}

std::span<const model::TokenId> Sequence::NextTokens(std::size_t count) const {
  // The token before the draft is the last one: what was found is what followed it.
  const std::size_t begin = count > pending() ? draft_ - 1 : run_;
  return std::span(tokens_).subspan(begin, count);
}

std::size_t Sequence::Advance(std::size_t count) {
  run_ += count;
  const std::size_t before = std::exchange(furthest_, std::max(furthest_, run_));
  return std::min(count, furthest_ - before);
}

absl::StatusOr<model::DecodingStep> Sequence::Next(std::span<const float> logits, absl::Time now) {
  assert(pending() == 0);
  absl::StatusOr<model::DecodingStep> step = decoding_.Next(logits);
  if (!step.ok()) return step;
  tokens_.push_back(step->token->id);
  last_token_at_ = now;
  if (!first_token_at_) first_token_at_ = now;
  return step;
}

bool Sequence::AcceptDrafted() {
  if (tokens_.back() != tokens_[draft_]) return false;
  ++draft_;
  Advance(1);
  return true;
}

void Sequence::PollSink(absl::Time now, absl::Duration at_most) {
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

void Sequence::MarkStarted(absl::Time now) {
  if (!started_) started_ = now;
}

Timings Sequence::timings(absl::Time now) const {
  // Never negative, though a system's clock may be set back.
  const auto between = [](absl::Time from, absl::Time to) {
    return std::max(to - from, absl::ZeroDuration());
  };
  const absl::Time started = started_.value_or(now);
  const absl::Time first_token = first_token_at_.value_or(now);
  return {.queue = between(queued_.submitted, started),
          .prefill = between(started, first_token),
          .decode = first_token_at_ ? between(first_token, last_token_at_) : absl::ZeroDuration()};
}

}  // namespace cascade::server
