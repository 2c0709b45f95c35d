// SPDX-License-Identifier: Apache-2.0
// What the engine counts, for status, metrics and tests.
#pragma once

#include <cstddef>
#include <cstdint>

namespace cascade::server {

// Totals since the engine was started. They only grow.
struct Counts {
  std::uint64_t steps = 0;
  std::uint64_t prompt_tokens = 0;      // run by the model for the first time
  std::uint64_t cached_tokens = 0;      // of prompts, found in the prefix cache
  std::uint64_t recomputed_tokens = 0;  // run again after a preemption
  std::uint64_t generated_tokens = 0;   // chosen from logits
  std::uint64_t drafted_tokens = 0;     // run ahead by speculation
  std::uint64_t accepted_tokens = 0;    // of the drafted ones, those that turned out right
  std::uint64_t preemptions = 0;
  std::uint64_t finished = 0;  // requests that ended with OnFinished
};

// A snapshot of the worker. A request that moves from the queue into the batch may for a moment be
// counted in both, but never in neither.
struct WorkerStats {
  std::size_t queued = 0;         // requests that wait
  std::size_t queued_tokens = 0;  // tokens of their prompts
  std::size_t running = 0;        // sequences that were started and have not ended
  std::size_t stalled = 0;        // of the running ones, those whose reader is too slow
  std::size_t preempted = 0;      // of the running ones, those whose blocks were taken
  std::size_t free_blocks = 0;    // blocks of the KV cache that no sequence holds
  std::size_t cached_blocks = 0;  // of the free blocks, those that keep a prefix
  std::size_t total_blocks = 0;
  Counts counts;
};

}  // namespace cascade::server
