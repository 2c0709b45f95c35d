// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <condition_variable>
#include <cstddef>

#include "server/engine/mutex.h"

namespace cascade::testing {

// Stops a thread at a place until the test lets it go on: how a test looks at the engine between
// two steps with no sleep.
class Gate {
 public:
  // The visitor: waits until it is let through.
  void Pass() ABSL_LOCKS_EXCLUDED(mu_) {
    const server::MutexLock lock(mu_);
    ++arrived_;
    changed_.notify_all();
    while (passed_ == allowed_ && !open_) changed_.wait(mu_);
    ++passed_;
  }

  // The test: returns when somebody waits at the gate.
  void AwaitVisitor() ABSL_LOCKS_EXCLUDED(mu_) {
    const server::MutexLock lock(mu_);
    while (arrived_ == allowed_) changed_.wait(mu_);
  }

  // Lets one visitor through, and returns when the next one has come.
  void Next() ABSL_LOCKS_EXCLUDED(mu_) {
    {
      const server::MutexLock lock(mu_);
      ++allowed_;
      changed_.notify_all();
    }
    AwaitVisitor();
  }

  // Lets all through from now on.
  void Open() ABSL_LOCKS_EXCLUDED(mu_) {
    const server::MutexLock lock(mu_);
    open_ = true;
    changed_.notify_all();
  }

 private:
  server::Mutex mu_;
  std::condition_variable_any changed_;
  std::size_t arrived_ ABSL_GUARDED_BY(mu_) = 0;
  std::size_t allowed_ ABSL_GUARDED_BY(mu_) = 0;
  std::size_t passed_ ABSL_GUARDED_BY(mu_) = 0;
  bool open_ ABSL_GUARDED_BY(mu_) = false;
};

}  // namespace cascade::testing
