// The one thread that runs the model.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "absl/time/time.h"
#include "server/engine/stats.h"
#include "server/engine/worker_options.h"

namespace cascade::model {
class KvCache;
class LanguageModel;
class Tokenizer;
}  // namespace cascade::model

namespace cascade::server {

struct GenerationRequest;

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
