#pragma once

#include <condition_variable>
#include <functional>
#include <thread>

#include "absl/base/thread_annotations.h"
#include "absl/time/time.h"
#include "server/engine/mutex.h"

namespace cascade::server {

// A thread that does something again and again until it is destroyed.
class Ticker {
 public:
  // Calls `tick` about every `period` with the time that has passed since the last call, but at
  // most twice the period: a process that was stopped, or a clock that was set, makes nobody look
  // late. What `tick` throws is dropped: the next one tries again.
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
  std::thread thread_;  // last: the rest is there before it starts
};

}  // namespace cascade::server
