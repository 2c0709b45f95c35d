// SPDX-License-Identifier: Apache-2.0
// A request's beams and the sequences that run them.
#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "absl/status/statusor.h"
#include "model/generation/beam_search.h"
#include "model/token.h"
#include "model/tokenizer/tokenizer.h"
#include "server/engine/generation_request.h"

namespace cascade::server {

// Keeps the logits of each beam until all beams of the request have theirs, then lets the search go
// on and says which sequence runs which beam. A beam stays on its sequence; one that splits in two
// takes the sequence of one that was given up.
//
// Not thread-safe: only the worker's thread uses it.
class Beams {
 public:
  // `tokenizer` is borrowed. REQUIRES: request.params.beams, and request.choices is their width.
  Beams(const GenerationRequest& request, std::size_t n_ctx, const model::Tokenizer& tokenizer);

  // Keeps a copy of the logits of the last token of the sequence that is choice `sequence`.
  void Keep(std::size_t sequence, std::span<const float> logits);

  // The sequences run their tokens again, so their logits will come again.
  void ForgetAll();

  // Whether the sequence's logits are kept: it has nothing to run until others have theirs.
  bool Waits(std::size_t sequence) const { return !logits_[sequence].empty(); }

  // Whether the logits of every beam are there.
  bool IsComplete() const;

  // How a sequence gets its next token: it takes all that `parent` has run, which may be itself,
  // and `token` behind that.
  struct Move {
    std::size_t sequence = 0;
    std::size_t parent = 0;
    model::TokenId token = 0;
  };

  // Lets the search go on by one token and forgets the logits. Returns the moves of the sequences
  // that have a beam after it; the others have none. Status as BeamSearch::Step.
  // REQUIRES: IsComplete().
  absl::StatusOr<std::vector<Move>> Step();

  model::BeamSearch& search() { return search_; }

  // Tokens that its beams have had, those that were given up included.
  std::size_t generated_tokens() const { return generated_tokens_; }

 private:
  std::vector<Move> Assign(std::span<const model::BeamSearch::Extension> extensions);

  model::BeamSearch search_;
  std::vector<std::size_t> sequences_;      // of the beams, by their numbers
  std::vector<std::vector<float>> logits_;  // by sequence; empty: none are kept
  std::size_t generated_tokens_ = 0;
};

}  // namespace cascade::server
