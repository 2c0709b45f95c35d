// SPDX-License-Identifier: Apache-2.0
// What the worker's thread does, turn by turn.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/time/time.h"
#include "model/cache/kv_cache.h"
#include "model/language_model.h"
#include "model/tokenizer/tokenizer.h"
#include "server/engine/completion.h"
#include "server/engine/drain_state.h"
#include "server/engine/end_reasons.h"
#include "server/engine/generation_request.h"
#include "server/engine/load_monitor.h"
#include "server/engine/prefix_log.h"
#include "server/engine/request_queue.h"
#include "server/engine/running_batch.h"
#include "server/engine/worker_options.h"

namespace cascade::server {

// Takes requests from the queue into the batch, steps the batch, and tells the sinks how requests
// ended. Between two steps, and only there, requests are taken in, ended and started.
class WorkerLoop {
 public:
  // What the loop and the other threads share. All borrowed.
  struct Shared {
    const WorkerOptions& options;
    const EndReasons& end_reasons;
    RequestQueue& queue;
    DrainState& drain;
    LoadMonitor& monitor;
    PrefixLog& prefixes;
  };

  WorkerLoop(const Shared& shared, std::unique_ptr<model::LanguageModel> model,
             model::KvCache cache, const model::Tokenizer& tokenizer);

  // Runs until the queue is closed and no request is left. One thread, once.
  void Run();

  // ---- Any thread, without a lock: how a watcher sees that a step hangs.

  std::uint64_t turns() const { return turns_.load(); }
  bool busy() const { return busy_.load(); }  // not waiting for work

  // ---- Any thread: the next turn forgets what the prefix cache has.

  void ForgetPrefixes() { forget_prefixes_.store(true); }

 private:
  bool Receive();
  void Turn(absl::Time now);
  absl::Status ReasonToEnd(const GenerationRequest& request, absl::Time now) const;
  void Reap(absl::FunctionRef<absl::Status(const GenerationRequest&)> reason, absl::Time now);
  void StartWhatFits(absl::Time now);
  void Step();
  void DeliverCompletions();
  void PublishStats();
  void PublishDescription();

  const Shared shared_;
  RunningBatch batch_;
  std::vector<Completion> completions_;  // has room for every request that there can be
  std::size_t described_ = 0;            // sequences in the description that was published last
  bool stepped_ = false;                 // whether the last turn had a step
  std::atomic<std::uint64_t> turns_ = 0;
  std::atomic<bool> busy_ = false;
  std::atomic<bool> forget_prefixes_ = false;
};

}  // namespace cascade::server
