// SPDX-License-Identifier: Apache-2.0
// std::mutex with Clang's thread-safety annotations: -Wthread-safety checks the discipline at
// compile time, and ThreadSanitizer sees the pthread calls underneath (into a prebuilt absl::Mutex
// it cannot see).
//
// To wait: a std::condition_variable_any `cv`, and `while (!condition) cv.wait(mu_);` under a lock.
#pragma once

#include <mutex>

#include "absl/base/thread_annotations.h"

namespace cascade::server {

class ABSL_LOCKABLE Mutex {
 public:
  void lock() ABSL_EXCLUSIVE_LOCK_FUNCTION() { mu_.lock(); }
  void unlock() ABSL_UNLOCK_FUNCTION() { mu_.unlock(); }

 private:
  std::mutex mu_;
};

// Holds the mutex for as long as it lives.
class ABSL_SCOPED_LOCKABLE MutexLock {
 public:
  explicit MutexLock(Mutex& mu) ABSL_EXCLUSIVE_LOCK_FUNCTION(mu) : mu_(mu) { mu_.lock(); }
  ~MutexLock() ABSL_UNLOCK_FUNCTION() { mu_.unlock(); }
  MutexLock(const MutexLock&) = delete;
  MutexLock& operator=(const MutexLock&) = delete;

 private:
  Mutex& mu_;
};

}  // namespace cascade::server
