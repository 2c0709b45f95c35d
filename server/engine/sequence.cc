// SPDX-License-Identifier: Apache-2.0

#include "server/engine/sequence.h"

#include <algorithm>
#include <cassert>
#include <cstdint>
#include <utility>

#include "model/generation/prompt_lookup.h"
#include "server/engine/limits.h"
#include "server/engine/request_group.h"

namespace cascade::server {

Sequence::Sequence(RequestGroup& group, std::size_t choice, std::size_t n_ctx,
                   const model::Tokenizer& tokenizer)
    : group_(group),
      request_(group.request()),
      choice_(choice),
      n_ctx_(n_ctx),
      decoding_(request_.params, static_cast<std::uint32_t>(choice), request_.prompt, n_ctx,
                tokenizer),
      tokens_(request_.prompt.begin(),
              request_.prompt.begin() + static_cast<std::ptrdiff_t>(PromptTokensToRun(request_))) {}

void Sequence::Place(model::BlockTable blocks, std::size_t run) {
  assert(run <= tokens_.size() && blocks.capacity() >= tokens_.size());
  blocks_ = std::move(blocks);
  run_ = run;
  furthest_ = std::max(furthest_, run_);
}

void Sequence::ReleaseBlocks() {
  blocks_.Reset();
  run_ = 0;
}

std::size_t Sequence::WantedRows() const {
  // A preempted sequence may have to run again what was delivered already.
  if (request_.hidden_from) return tokens_.size() - std::max(group_.next_hidden(), run_);
  if (!group_.ScoresPrompt()) return 1;
  // The token at position p is scored by the logits of position p - 1.
  const std::size_t first = std::max<std::size_t>(group_.next_scored(), 1) - 1;
  return tokens_.size() - std::max(first, run_);
}

std::size_t Sequence::Draft(std::size_t limit) {
  assert(pending() == 1);
  // Each drafted token must be one that may be generated and run: the last of all never runs.
  const std::size_t new_tokens_left = request_.params.stopping.max_new_tokens - generated_tokens();
  const std::size_t room =
      std::min({new_tokens_left - 1, n_ctx_ - tokens_.size(), blocks_.capacity() - tokens_.size()});
  const std::span<const model::TokenId> found = model::LookUpDraft(tokens_, std::min(limit, room));
  if (!found.empty()) draft_ = static_cast<std::size_t>(found.data() - tokens_.data());
  return found.size();
}

std::span<const model::TokenId> Sequence::NextTokens(std::size_t count) const {
  // The draft was found as what once followed a copy of the last token. That copy stands directly
  // before it, so that the last token and its draft are one span of tokens_.
  const std::size_t begin = count > pending() ? draft_ - 1 : run_;
  return std::span(tokens_).subspan(begin, count);
}

std::size_t Sequence::Advance(std::size_t count) {
  run_ += count;
  const std::size_t before = std::exchange(furthest_, std::max(furthest_, run_));
  return std::min(count, furthest_ - before);
}

absl::StatusOr<model::DecodingStep> Sequence::Next(std::span<const float> logits) {
  assert(pending() == 0 || !has_blocks());
  absl::StatusOr<model::DecodingStep> step = decoding_.Next(logits);
  if (!step.ok()) return step;
  furthest_ = tokens_.size();  // a choice that could not be forked has run its prompt elsewhere
  tokens_.push_back(step->token->id);
  return step;
}

bool Sequence::AcceptDrafted() {
  if (tokens_.back() != tokens_[draft_]) return false;
  ++draft_;
  Advance(1);
  return true;
}

}  // namespace cascade::server
