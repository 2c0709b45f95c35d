// SPDX-License-Identifier: Apache-2.0
// How far the end of a worker has come.
#pragma once

#include <algorithm>
#include <chrono>
#include <condition_variable>

#include "absl/time/time.h"
#include "server/engine/mutex.h"

namespace cascade::server {

// The deadline by which a draining worker must end, and whether it has. Any thread.
class DrainState {
 public:
  // At `deadline` of the worker's clock, what still runs must end. The earliest call counts.
  void SetDeadline(absl::Time deadline) ABSL_LOCKS_EXCLUDED(mu_) {
    const MutexLock lock(mu_);
    deadline_ = std::min(deadline_, deadline);
  }

  bool HasPassed(absl::Time now) const ABSL_LOCKS_EXCLUDED(mu_) {
    const MutexLock lock(mu_);
    return now >= deadline_;
  }

  // Every request has ended, and its sink knows.
  void SetEnded() ABSL_LOCKS_EXCLUDED(mu_) {
    const MutexLock lock(mu_);
    has_ended_ = true;
    ended_.notify_all();
  }

  // Waits for SetEnded, `at_most` so long. True if it was called.
  bool AwaitEnded(absl::Duration at_most) ABSL_LOCKS_EXCLUDED(mu_) {
    const auto until = std::chrono::steady_clock::now() + absl::ToChronoNanoseconds(at_most);
    const MutexLock lock(mu_);
    while (!has_ended_ && ended_.wait_until(mu_, until) != std::cv_status::timeout) {
    }
    return has_ended_;
  }

 private:
  mutable Mutex mu_;
  std::condition_variable_any ended_;
  absl::Time deadline_ ABSL_GUARDED_BY(mu_) = absl::InfiniteFuture();
  bool has_ended_ ABSL_GUARDED_BY(mu_) = false;
};

}  // namespace cascade::server
