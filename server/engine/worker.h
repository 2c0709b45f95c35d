// The one thread that runs the model.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "model/cache/kv_cache.h"
#include "model/language_model.h"
#include "model/tokenizer/tokenizer.h"
#include "server/engine/generation_request.h"
#include "server/engine/running_batch.h"

namespace cascade::server {

struct WorkerOptions {
  std::size_t max_running = 64;   // sequences in one step
  std::size_t max_queued = 1024;  // requests beyond those; what Admission lets in is both together
  std::size_t max_queued_tokens = 1 << 20;  // of their prompts together
  std::size_t step_tokens = 256;  // rows of one step: decode rows first, then prompt tokens
  bool prefix_cache = true;       // keep what was computed, for prompts that begin the same
  bool kv_overcommit = false;  // start more than can surely finish; preempt the youngest if need be
  bool speculate = true;       // draft tokens ahead where that is nearly free
  absl::Duration priority_ageing = absl::Seconds(10);       // of waiting that is worth one priority
  absl::Duration stalled_reader_limit = absl::Seconds(30);  // then the sequence ends with ABORTED
  std::function<absl::Time()> clock = absl::Now;  // of deadlines and timings; any thread calls it
};

// INVALID_ARGUMENT, with the numbers, unless 1 <= max_running <= step_tokens <= max_rows, the
// largest step that the model was made for.
absl::Status CheckWorkerOptions(const WorkerOptions& options, std::size_t max_rows);

// A snapshot of the worker, for status, metrics and tests. A request that moves from the queue into
// the batch may for a moment be counted in both, but never in neither.
struct WorkerStats {
  std::size_t queued = 0;         // requests waiting
  std::size_t queued_tokens = 0;  // of their prompts
  std::size_t running = 0;        // sequences that were started and have not ended
  std::size_t stalled = 0;        // of those, the ones whose reader is too slow
  std::size_t preempted = 0;      // and the ones whose blocks were taken
  std::size_t free_blocks = 0;    // of the KV cache: held by no sequence
  std::size_t cached_blocks = 0;  // of those, the ones that keep a prefix
  std::size_t total_blocks = 0;
  RunningBatch::Counts counts;  // since the start
};

// Owns the model, the cache and every running sequence; nobody else ever touches them. Steps as
// long as there is work, sleeps when there is none. Continuous batching: between two steps it
// drains the queue, ends what was cancelled or has expired, and starts what fits, in the order of
// RequestQueue: when the KV cache cannot hold prompt + max_new_tokens of the next request, it and
// all behind it wait.
//
// An exception within a step (memory ran out) ends the requests of that step and no others; a
// request whose own sampling fails ends alone. The worker goes on.
class Worker {
 public:
  // `tokenizer` is borrowed. Starts the thread. REQUIRES: CheckWorkerOptions(options,
  // model->max_rows()) is OK; `cache` was made for the model's config and has no blocks in use.
  Worker(std::unique_ptr<model::LanguageModel> model, model::KvCache cache,
         const model::Tokenizer& tokenizer, const WorkerOptions& options);

  // Drain, with a deadline that has passed: what is still there ends with UNAVAILABLE after the
  // step that runs.
  ~Worker();

  // Takes a request; any thread; never blocks. What could never run, even alone (prompt +
  // max_new_tokens beyond what the whole cache holds), fails at once with INVALID_ARGUMENT and the
  // numbers; beyond max_queued + max_running waiting requests, or max_queued_tokens,
  // RESOURCE_EXHAUSTED; if its first token would surely come after its deadline (in half the time
  // that the measured rates, of steps and of prefix hits, give, it would be too late),
  // DEADLINE_EXCEEDED and the estimate, but never of a worker that has nothing to do; after Drain,
  // UNAVAILABLE. The outcome, these included, comes through the sink; for refusals OnFailed is
  // called on the calling thread before Submit returns.
  void Submit(GenerationRequest request);

  // Refuses new requests from now on and returns when all accepted ones have ended and their sinks
  // know; at `deadline` of the clock, the rest end with UNAVAILABLE, after the step that runs. Any
  // thread but the worker's, several at once: the earliest deadline counts. Idempotent.
  void Drain(absl::Time deadline);

  // Drain in two halves, for those who will not wait for ever: a step that hangs, hangs a drain.
  void StartDrain(absl::Time deadline);
  bool AwaitDrained(absl::Duration at_most);  // true once all have ended; false: not in that time

  // Has the worker look at its sinks again: IsStalled became false, or IsCancelled true. Any
  // thread.
  void Wake();

  // How long a caller that was refused for lack of a place should wait, from the rate at which
  // requests were finished lately. Any thread.
  absl::Duration RetryAfter() const;

  // Any thread.
  WorkerStats stats() const;

  // The worker's pulse: counts every turn of its loop. If `busy` and the count stands still, a step
  // hangs, or takes long. Any thread, without a lock.
  struct Pulse {
    std::uint64_t count = 0;
    bool busy = false;
  };
  Pulse pulse() const;

  // What runs, for a log: each request's id and size. Any thread.
  std::string DescribeRunning() const;

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace cascade::server
