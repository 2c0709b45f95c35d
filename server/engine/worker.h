// The one thread that runs the model.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "model/cache/kv_cache.h"
#include "model/gpt2.h"
#include "model/tokenizer/tokenizer.h"
#include "server/engine/generation_request.h"

namespace cascade::server {

struct WorkerOptions {
  std::size_t max_running = 64;  // sequences in one step; at most the model's max_rows()
  std::size_t step_tokens = 256; // rows of one step: decode rows first, then prompt tokens
};

// A snapshot of the worker, for status, metrics and tests.
struct WorkerStats {
  std::size_t queued = 0;       // requests waiting
  std::size_t running = 0;      // sequences in the batch
  std::size_t free_blocks = 0;  // of the KV cache
  std::size_t total_blocks = 0;
  std::uint64_t steps = 0;      // model steps so far
};

// Owns the model, the cache and every running sequence; nobody else ever touches them. Steps as long
// as there is work, sleeps when there is none. Continuous batching: between two steps it drains the
// queue, ends what was cancelled or has expired, and starts what fits, first come first served: when
// the KV cache cannot hold prompt + max_new_tokens of the next request, it and all behind it wait.
class Worker {
 public:
  // `tokenizer` is borrowed. Starts the thread.
  Worker(std::unique_ptr<model::Gpt2> model, model::KvCache cache,
         const model::Tokenizer& tokenizer, const WorkerOptions& options);

  // Stop(now).
  ~Worker();

  // Takes a request; any thread; never blocks. What can never run (prompt + max_new_tokens beyond what
  // the whole cache holds) fails at once with INVALID_ARGUMENT and the numbers; after Drain or Stop,
  // UNAVAILABLE. The outcome, these included, comes through the sink; for refusals OnFailed is called
  // on the calling thread before Submit returns.
  void Submit(GenerationRequest request);

  // Refuses new requests from now on and returns when all accepted ones have ended, or, at
  // `deadline`, after ending the rest with UNAVAILABLE. Any thread but the worker's; idempotent.
  void Drain(absl::Time deadline);

  // Any thread.
  WorkerStats stats() const;

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace cascade::server
