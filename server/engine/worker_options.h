// SPDX-License-Identifier: Apache-2.0
// How a worker is to run.
#pragma once

#include <cstddef>
#include <functional>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "server/engine/clock.h"

namespace cascade::server {

struct WorkerOptions {
  std::size_t max_running = 64;   // sequences in one step
  std::size_t max_queued = 1024;  // requests beyond those; Admission lets in the sum of both
  std::size_t max_queued_tokens = 1 << 20;  // prompt tokens of all queued requests together
  std::size_t step_tokens = 128;  // rows of one step: decode rows first, then prompt tokens
  bool prefix_cache = true;       // keep what was computed, for prompts that begin the same
  bool kv_overcommit = false;  // start more than can surely finish; preempt the youngest if need be
  bool speculate = true;       // draft tokens ahead where their rows are nearly free
  absl::Duration priority_ageing = absl::Seconds(10);  // waiting time that is worth one priority
  absl::Duration stalled_reader_limit = absl::Seconds(30);  // then the request ends with ABORTED
  std::size_t kept_prefix_events = 0;  // of the prefix cache, for readers of PrefixLog; 0: none
  std::function<absl::Time()> clock =
      MonotonicNow;  // of deadlines and timings; any thread calls it
};

// INVALID_ARGUMENT, with the numbers, unless 1 <= max_running <= step_tokens <= max_rows, where
// `max_rows` is the largest step that the model was made for.
absl::Status CheckWorkerOptions(const WorkerOptions& options, std::size_t max_rows);

}  // namespace cascade::server
