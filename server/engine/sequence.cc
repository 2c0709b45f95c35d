#include "server/engine/sequence.h"

#include <algorithm>
#include <cassert>
#include <utility>

namespace cascade::server {

Sequence::Sequence(QueuedRequest queued, model::BlockTable blocks, std::size_t n_ctx,
                   const model::Tokenizer& tokenizer)
    : queued_(std::move(queued)),
      blocks_(std::move(blocks)),
      decoding_(request().params, /*choice=*/0, request().prompt.size(), n_ctx, tokenizer) {}

std::span<const model::TokenId> Sequence::NextTokens(std::size_t count) const {
  if (prompt_left() == 0) {
    assert(count == 1);
    return {&last_token_, 1};
  }
  return std::span(request().prompt).subspan(prompt_run_, count);
}

void Sequence::MarkStarted(absl::Time now) {
  if (!started_) started_ = now;
}

void Sequence::Advance(std::size_t count) {
  (prompt_left() > 0 ? prompt_run_ : decoded_run_) += count;
}

absl::StatusOr<model::DecodingStep> Sequence::Next(std::span<const float> logits, absl::Time now) {
  absl::StatusOr<model::DecodingStep> step = decoding_.Next(logits);
  if (!step.ok()) return step;
  last_token_ = step->token->id;
  last_token_at_ = now;
  if (!first_token_at_) first_token_at_ = now;
  return step;
}

Timings Sequence::timings() const {
  // Never negative, though a system's clock may be set back.
  const auto between = [](absl::Time from, absl::Time to) {
    return std::max(to - from, absl::ZeroDuration());
  };
  return {.queue = between(queued_.submitted, *started_),
          .prefill = between(*started_, *first_token_at_),
          .decode = between(*first_token_at_, last_token_at_)};
}

}  // namespace cascade::server
