// SPDX-License-Identifier: Apache-2.0

#include "server/engine/beams.h"

#include <algorithm>
#include <cassert>

namespace cascade::server {

// Before the first step, the first sequence runs the prompt for all.
Beams::Beams(const GenerationRequest& request, std::size_t n_ctx, const model::Tokenizer& tokenizer)
    : search_(request.params, request.prompt, n_ctx, tokenizer),
      sequences_{0},
      logits_(request.choices) {}

void Beams::Keep(std::size_t sequence, std::span<const float> logits) {
  logits_[sequence].assign(logits.begin(), logits.end());
}

void Beams::ForgetAll() {
  for (std::vector<float>& logits : logits_) logits.clear();
}

bool Beams::IsComplete() const {
  return std::ranges::all_of(sequences_, [this](std::size_t sequence) { return Waits(sequence); });
}

absl::StatusOr<std::vector<Beams::Move>> Beams::Step() {
  assert(IsComplete());
  std::vector<std::span<const float>> logits;
  for (const std::size_t sequence : sequences_) logits.emplace_back(logits_[sequence]);
  const absl::StatusOr<std::vector<model::BeamSearch::Extension>> extensions = search_.Step(logits);
  if (!extensions.ok()) return extensions.status();
  ForgetAll();
  generated_tokens_ += logits.size();
  return Assign(*extensions);
}

// The first beam that goes on from a beam keeps its sequence; the others take those that are free.
std::vector<Beams::Move> Beams::Assign(std::span<const model::BeamSearch::Extension> extensions) {
  std::vector<bool> is_taken(logits_.size());
  std::vector<Move> moves;
  for (const model::BeamSearch::Extension& each : extensions) {
    const std::size_t parent = sequences_[each.parent];
    const bool keeps = !is_taken[parent];
    is_taken[parent] = true;
    moves.push_back(
        {.sequence = keeps ? parent : is_taken.size(), .parent = parent, .token = each.token});
  }
  sequences_.clear();
  for (Move& move : moves) {
    if (move.sequence == is_taken.size()) {
      const auto free = std::ranges::find(is_taken, false);
      assert(free != is_taken.end());
      *free = true;
      move.sequence = static_cast<std::size_t>(free - is_taken.begin());
    }
    sequences_.push_back(move.sequence);
  }
  return moves;
}

}  // namespace cascade::server
