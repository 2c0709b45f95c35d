// SPDX-License-Identifier: Apache-2.0

#include "server/engine/sequence.h"

#include <algorithm>
#include <cassert>
#include <cstdint>
#include <utility>

#include "model/generation/prompt_lookup.h"
#include "server/engine/request_group.h"

namespace cascade::server {

Sequence::Sequence(RequestGroup& group, std::size_t choice, std::size_t n_ctx,
                   const model::Tokenizer& tokenizer)
    : group_(group),
      request_(group.request()),
      choice_(choice),
      n_ctx_(n_ctx),
      tokens_(request_.prompt.begin(),
              request_.prompt.begin() + static_cast<std::ptrdiff_t>(PromptTokensToRun(request_))) {
  if (!request_.params.beams) EmplaceDecoding(tokenizer);
}

void Sequence::EmplaceDecoding(const model::Tokenizer& tokenizer) {
  const auto number = static_cast<std::uint32_t>(choice_);
  if (choice_ >= request_.choice_sampling.size()) {
    decoding_.emplace(request_.params, number, PromptOf(request_), n_ctx_, tokenizer);
    return;
  }
  model::GenerationParams params = request_.params;
  params.sampling = request_.choice_sampling[choice_];
  decoding_.emplace(params, /*choice=*/0U, PromptOf(request_), n_ctx_, tokenizer);
}

absl::StatusOr<std::optional<model::Finish>> Sequence::Resume() {
  const auto resumed = std::span<const model::TokenId>(request_.prompt).last(request_.resumed);
  if (absl::Status status = decoding_->Resume(resumed); !status.ok()) return status;
  return decoding_->finish();
}

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

std::size_t Sequence::Draft() {
  assert(pending() == 1);
  // Each drafted token must be one that may be generated and run: the last of all never runs.
  const std::size_t new_tokens_left =
      request_.params.stopping.max_new_tokens - decoding_->generated_tokens();
  const std::size_t room =
      std::min({new_tokens_left - 1, n_ctx_ - tokens_.size(), blocks_.capacity() - tokens_.size()});
  draft_.assign(1, tokens_.back());
  accepted_ = 0;
  const std::vector<model::TokenId> forced =
      decoding_->ForcedTokens(std::min(Speculation::kLongest, room));
  draft_is_forced_ = !forced.empty();
  if (draft_is_forced_) {
    draft_.insert(draft_.end(), forced.begin(), forced.end());
  } else {
    const std::span<const model::TokenId> found =
        model::LookUpDraft(tokens_, std::min(speculation_.length(), room));
    draft_.insert(draft_.end(), found.begin(), found.end());
  }
  return draft_.size() - 1;
}

std::span<const model::TokenId> Sequence::NextTokens(std::size_t count) const {
  if (count > pending()) return std::span(draft_).first(count);
  return std::span(tokens_).subspan(run_, count);
}

std::size_t Sequence::Advance(std::size_t count) {
  run_ += count;
  const std::size_t before = std::exchange(furthest_, std::max(furthest_, run_));
  return std::min(count, furthest_ - before);
}

absl::StatusOr<model::DecodingStep> Sequence::Next(std::span<const float> logits) {
  assert(pending() == 0 || !has_blocks());
  absl::StatusOr<model::DecodingStep> step = decoding_->Next(logits);
  if (!step.ok()) return step;
  Append(step->token->id);
  return step;
}

void Sequence::Append(model::TokenId token) {
  furthest_ = tokens_.size();  // a choice that could not be forked has run its prompt elsewhere
  tokens_.push_back(token);
}

void Sequence::DropBeam() {
  ReleaseBlocks();
  has_beam_ = false;
}

void Sequence::TakeBeam(const Sequence& parent) {
  assert(!has_blocks());
  tokens_ = parent.tokens_;
  has_beam_ = true;
}

bool Sequence::AcceptDrafted() {
  if (tokens_.back() != draft_[accepted_ + 1]) return false;
  ++accepted_;
  Advance(1);
  return true;
}

void Sequence::LearnFromDraft(std::size_t drafted, std::size_t accepted) {
  // What a constraint forces says nothing of how well earlier text foretells later one.
  if (!draft_is_forced_) speculation_.Learn(drafted, accepted);
}

}  // namespace cascade::server
