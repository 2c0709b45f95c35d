// SPDX-License-Identifier: Apache-2.0
// What the worker's thread tells the others: its state, its speed, and what follows for newcomers.
#pragma once

#include <cstddef>
#include <string>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "server/engine/generation_request.h"
#include "server/engine/mutex.h"
#include "server/engine/request_queue.h"
#include "server/engine/service_rate.h"
#include "server/engine/stats.h"

namespace cascade::server {

// Any thread; the worker's thread writes, the others read.
class LoadMonitor {
 public:
  struct Limits {
    std::size_t max_running = 0;
    std::size_t step_tokens = 0;
  };
  explicit LoadMonitor(const Limits& limits) : limits_(limits) {}

  // ---- The worker's thread.

  // `stats`: all but the queue's part. `pending_tokens`: rows to run before every running sequence
  // has its next token.
  void Publish(const WorkerStats& stats, std::size_t pending_tokens) ABSL_LOCKS_EXCLUDED(mu_);

  // What runs, for a log.
  void Describe(std::string running) ABSL_LOCKS_EXCLUDED(mu_);

  // A step of `rows` rows took `took`, and `finished` requests finished in it.
  void AddStep(std::size_t rows, absl::Duration took, std::size_t finished)
      ABSL_LOCKS_EXCLUDED(mu_);

  // ---- Any thread. `queued` is the queue's size, which must be read before the call: a request
  // that has left the queue is then counted as running.

  WorkerStats stats(const RequestQueue::Size& queued) const ABSL_LOCKS_EXCLUDED(mu_);
  std::string description() const ABSL_LOCKS_EXCLUDED(mu_);

  // How long a caller that was refused for lack of a place should wait: see Worker::RetryAfter.
  absl::Duration RetryAfter(const RequestQueue::Size& queued) const ABSL_LOCKS_EXCLUDED(mu_);

  // DEADLINE_EXCEEDED, with the estimate, if the first token of `request`, whose deadline is in
  // `left`, would come too late even if it took half of the estimated time.
  absl::Status CheckDeadline(const GenerationRequest& request, absl::Duration left,
                             const RequestQueue::Size& queued) const ABSL_LOCKS_EXCLUDED(mu_);

 private:
  // When the first token of `request` is to be expected. Zero: at once, or nothing is known.
  absl::Duration TimeToFirstToken(const GenerationRequest& request,
                                  const RequestQueue::Size& queued) const ABSL_LOCKS_EXCLUDED(mu_);

  const Limits limits_;
  mutable Mutex mu_;
  WorkerStats stats_ ABSL_GUARDED_BY(mu_);
  std::size_t pending_tokens_ ABSL_GUARDED_BY(mu_) = 0;
  std::string description_ ABSL_GUARDED_BY(mu_);
  ServiceRate rate_ ABSL_GUARDED_BY(mu_);
};

}  // namespace cascade::server
