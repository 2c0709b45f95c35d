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

  // The work that the running sequences have ahead of them, without those whose reader is stalled.
  struct Work {
    std::size_t pending_tokens = 0;  // rows to run before every sequence has its next token
    std::size_t tokens_to_come = 0;  // the most tokens that all of them can still generate
  };

  // `stats`: all but the queue's part and the steps' histograms.
  void Publish(const WorkerStats& stats, const Work& work) ABSL_LOCKS_EXCLUDED(mu_);

  // What runs, for a log.
  void Describe(std::string running) ABSL_LOCKS_EXCLUDED(mu_);

  // A step of `rows` rows took `took`.
  void AddStep(std::size_t rows, absl::Duration took, const ServiceRate::Finished& finished)
      ABSL_LOCKS_EXCLUDED(mu_);

  // ---- Any thread. `queued` is the queue's size, which must be read before the call: a request
  // that has left the queue is then counted as running.

  WorkerStats stats(const RequestQueue::Size& queued) const ABSL_LOCKS_EXCLUDED(mu_);
  std::string description() const ABSL_LOCKS_EXCLUDED(mu_);

  // How long a caller that was refused for lack of a place should wait: see Worker::RetryAfter.
  absl::Duration RetryAfter(const RequestQueue::Size& queued) const ABSL_LOCKS_EXCLUDED(mu_);

  // DEADLINE_EXCEEDED, with the estimate, if the first token of `request`, whose deadline is in
  // `left`, would come too late even if it took half of the estimated time. `ahead` is the queue's
  // SizeAhead for the request's caller.
  absl::Status CheckDeadline(const GenerationRequest& request, absl::Duration left,
                             const RequestQueue::Size& ahead) const ABSL_LOCKS_EXCLUDED(mu_);

 private:
  // When the first token of `request` is to be expected. Zero: at once, or nothing is known.
  absl::Duration TimeToFirstToken(const GenerationRequest& request,
                                  const RequestQueue::Size& ahead) const ABSL_LOCKS_EXCLUDED(mu_);

  // When the last of `choices` more sequences has a place in the batch. Zero if there are places
  // now, or as long as no answer has finished: how long answers are would be a guess.
  absl::Duration TimeToPlaces(std::size_t choices, const RequestQueue::Size& ahead) const
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);

  const Limits limits_;
  mutable Mutex mu_;
  WorkerStats stats_ ABSL_GUARDED_BY(mu_);
  Work work_ ABSL_GUARDED_BY(mu_);
  std::string description_ ABSL_GUARDED_BY(mu_);
  ServiceRate rate_ ABSL_GUARDED_BY(mu_);
  SecondsHistogram step_seconds_ ABSL_GUARDED_BY(mu_);
  TokensHistogram step_rows_ ABSL_GUARDED_BY(mu_);
};

}  // namespace cascade::server
