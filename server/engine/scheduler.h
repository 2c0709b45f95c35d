// Who gets which rows of a step.
#pragma once

#include <cstddef>
#include <span>
#include <vector>

namespace cascade::server {

// What the scheduler must know of a running sequence.
struct SequenceState {
  std::size_t prompt_left = 0;  // prompt tokens still to run; 0: ready to decode
};

// A sequence's part of a step.
struct PlannedChunk {
  std::size_t sequence = 0;   // index into `running`
  std::size_t tokens = 0;     // at least 1
  bool wants_logits = false;  // its last row yields a token: a decode row, or the prompt's end

  friend bool operator==(const PlannedChunk&, const PlannedChunk&) = default;
};

// Plans steps. Knows no model, no clock and no threads: a plan depends on the arguments alone.
class Scheduler {
 public:
  // For steps of at most `step_tokens` rows and `max_running` sequences.
  // REQUIRES: max_running <= step_tokens.
  Scheduler(std::size_t max_running, std::size_t step_tokens);

  std::size_t max_running() const { return max_running_; }

  // The chunks of the next step for `running`, which is in order of arrival; valid until the next
  // call. Every sequence that is ready to decode gets its one row. What is left goes to prompts,
  // first come first served, so only the last of them can get less than the rest of its prompt.
  // Decode rows come first, and no sequence comes twice.
  //
  // Nothing waits for ever: decoders step each time, and the oldest prompt gets at least
  // step_tokens - max_running + 1 rows, or all it needs.
  //
  // REQUIRES: running.size() <= max_running. Cost: no allocation.
  std::span<const PlannedChunk> Plan(std::span<const SequenceState> running);

 private:
  std::size_t max_running_;
  std::size_t step_tokens_;
  std::vector<PlannedChunk> plan_;
};

}  // namespace cascade::server
