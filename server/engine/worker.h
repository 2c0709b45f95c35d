// SPDX-License-Identifier: Apache-2.0
// The one thread that runs the model.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "server/engine/stats.h"
#include "server/engine/worker_options.h"

namespace cascade::model {
class KvCache;
class LanguageModel;
class Tokenizer;
}  // namespace cascade::model

namespace cascade::server {

class PrefixLog;
struct GenerationRequest;

// Owns the model, the cache and every running request; only its thread ever touches them. It steps
// as long as there is work and sleeps when there is none. Continuous batching: between two steps it
// takes in the queue, ends what was cancelled or has expired, and starts what fits, in the order of
// RequestQueue. When the KV cache cannot hold the next request, with max_new_tokens of each choice,
// that request and all behind it wait.
//
// An exception within a step (memory ran out) ends the requests of that step and no others; a
// request whose own sampling fails ends alone. The worker goes on.
//
// Any thread may call any function.
class Worker {
 public:
  // `tokenizer` is borrowed. Starts the thread. REQUIRES: CheckWorkerOptions(options,
  // model->max_rows()) is OK; `cache` was made for the model's config and has no blocks in use.
  Worker(std::unique_ptr<model::LanguageModel> model, model::KvCache cache,
         const model::Tokenizer& tokenizer, const WorkerOptions& options);

  // Drain, with a deadline that has passed: what is still there ends with UNAVAILABLE after the
  // step that runs.
  ~Worker();

  // Takes a request; never blocks. The outcome comes through the sink. A refused request's sink
  // hears OnFailed on the calling thread before Submit returns:
  //   INVALID_ARGUMENT   : the request could never run, even alone; see CheckRunnable
  //   RESOURCE_EXHAUSTED : more than max_queued + max_running requests would wait, or prompts of
  //                        more than max_queued_tokens
  //   DEADLINE_EXCEEDED  : the deadline has passed, or the first token would surely come after it:
  //                        even half of the time that the measured rates of steps and of prefix
  //                        hits give is too long. Never from a worker that has nothing to do
  //   UNAVAILABLE        : after StartDrain
  void Submit(GenerationRequest request);

  // For a call that has more requests than it submits at once. As long as it holds what this
  // returns, those that follow are taken even while the worker drains, and it does not end. (At the
  // drain's deadline they are ended as all others are.) The worker must outlive it.
  std::shared_ptr<void> Expect();

  // Refuses new requests from now on, and returns when all accepted ones have ended and their sinks
  // know. At `deadline` of the clock, the rest end with UNAVAILABLE, after the step that runs. Not
  // from the worker's thread; several at once: the earliest deadline counts. Idempotent.
  void Drain(absl::Time deadline);

  // Drain in two halves, for callers that must not wait for ever: if a step hangs, so does a drain.
  void StartDrain(absl::Time deadline);
  bool AwaitDrained(absl::Duration at_most);  // true once all have ended; false: not in that time

  // Has the worker poll its sinks again: IsStalled became false, or IsCancelled true.
  void Wake();

  // Empties the prefix cache before any request starts that comes later. Running requests keep
  // their blocks.
  void ForgetPrefixes();

  // What the prefix cache has taken up and given up.
  const PrefixLog& prefixes() const;

  // How long a caller that was refused for lack of a place should wait, from the rate at which
  // requests have finished lately.
  absl::Duration RetryAfter() const;

  WorkerStats stats() const;

  // The worker's pulse: `count` counts the turns of its loop. If `busy` and the count stands still,
  // a step hangs, or takes long. Takes no lock.
  struct Pulse {
    std::uint64_t count = 0;
    bool busy = false;
  };
  Pulse pulse() const;

  // The requests that run, for a log: each one's id and size.
  std::string DescribeRunning() const;

 private:
  struct Parts;

  absl::Status CheckDeadline(const GenerationRequest& request, absl::Time now) const;

  // Behind a pointer, so that the transport does not see how the engine is made.
  std::unique_ptr<Parts> parts_;
};

}  // namespace cascade::server
