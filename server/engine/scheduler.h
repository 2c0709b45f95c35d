// SPDX-License-Identifier: Apache-2.0
// Which sequence gets which rows of a step.
#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "model/row_range.h"

namespace cascade::server {

// What the scheduler must know of a sequence that is ready.
struct SequenceState {
  std::size_t pending = 0;  // tokens to run before the next one can be chosen; 1: it is decoding
  std::size_t draft = 0;    // tokens that it has drafted; only if it is decoding
  std::size_t wanted = 1;   // of the pending ones, the last of them whose outputs are wanted: the
                            // logits of one give the next token; of a prompt that is scored, or
                            // whose hidden states are wanted, more
  bool hidden = false;      // these outputs are hidden states, and not logits
};

// A sequence's part of a step: `tokens` of its own, then `draft` of its draft.
struct PlannedChunk {
  std::size_t sequence = 0;  // index into `running`
  std::size_t tokens = 0;    // at least 1
  std::size_t draft = 0;     // only after the last of its pending tokens
  model::RowRange outputs;  // rows of the chunk, the first being 0, whose logits are wanted: of its
                            // last pending token and of its draft, each of which yields a token,
                            // and of the prompt's tokens that are scored; or else the rows whose
                            // hidden states are

  std::size_t rows() const { return tokens + draft; }
  friend bool operator==(const PlannedChunk&, const PlannedChunk&) = default;
};

// Plans steps. Knows no model, no clock and no threads: a plan depends on the arguments alone.
class Scheduler {
 public:
  // For steps of at most `step_tokens` rows and `max_running` sequences.
  // REQUIRES: max_running <= step_tokens.
  Scheduler(std::size_t max_running, std::size_t step_tokens);

  std::size_t max_running() const { return max_running_; }
  std::size_t step_tokens() const { return step_tokens_; }

  // The chunks of the next step for `running`, in order of their starts; valid until the next call.
  // Every sequence that is decoding gets its one row. The remaining rows go to prompts, first come
  // first served, so only the last of them can get less than the rest of its prompt, and those that
  // are scored.
  // Decode rows come first, and no sequence comes twice.
  //
  // Drafts get rows only where rows are nearly free: in a step of decode rows alone, and up to
  // kDraftRows rows in all, since few rows cost hardly more than one: the weights are read once.
  //
  // No sequence waits for ever: decoders step each time, and the oldest prompt gets at least
  // step_tokens - max_running + 1 rows, or all it needs.
  //
  // REQUIRES: running.size() <= max_running. Cost: no allocation.
  std::span<const PlannedChunk> Plan(std::span<const SequenceState> running);

  static constexpr std::size_t kDraftRows = 8;

  // A prompt that is scored gets at most so many rows with logits in a step, which bounds their
  // memory: 6.4 MB for 50,257 tokens. Rows enough to read the head's weights seldom. Hidden states
  // are as small as what the step holds of each row anyway, and have no such bound.
  static constexpr std::size_t kScoredRows = 32;

 private:
  void AddDrafts(std::span<const SequenceState> running);

  std::size_t max_running_;
  std::size_t step_tokens_;
  std::vector<PlannedChunk> plan_;
};

}  // namespace cascade::server
