// SPDX-License-Identifier: Apache-2.0
// Periodic work on a thread of its own.
#pragma once

#include <condition_variable>
#include <functional>
#include <thread>

#include "absl/base/thread_annotations.h"
#include "absl/time/time.h"
#include "server/engine/mutex.h"

namespace cascade::server {

// A thread that calls a function again and again until this object is destroyed.
class Ticker {
 public:
  // Calls `tick` about every `period` with the time that has passed since the last call, but at
  // most twice the period: after the process was stopped (SIGSTOP, a suspended machine), neither
  // the worker nor any client seems to be late. An exception of `tick` is dropped, and the next
  // call tries again.
  Ticker(absl::Duration period, std::function<void(absl::Duration passed)> tick);

  // Waits for the tick that runs.
  ~Ticker();

 private:
  void Run() ABSL_LOCKS_EXCLUDED(mu_);

  // Sleeps for a period. False at the end.
  bool Sleep() ABSL_LOCKS_EXCLUDED(mu_);

  const absl::Duration period_;
  const std::function<void(absl::Duration)> tick_;
  Mutex mu_;
  std::condition_variable_any changed_;
  bool ending_ ABSL_GUARDED_BY(mu_) = false;
  std::thread thread_;  // last: it uses the members above
};

}  // namespace cascade::server
