// std::mutex with Clang thread-safety annotations: -Wthread-safety checks lock
// discipline at compile time, and ThreadSanitizer still sees the pthread calls
// underneath (it cannot see into a prebuilt absl::Mutex).
//
// To wait: `std::condition_variable_any cv;` and `cv.wait(mu_)` in a loop.
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

class ABSL_SCOPED_LOCKABLE MutexLock {
 public:
  explicit MutexLock(Mutex& mu) ABSL_EXCLUSIVE_LOCK_FUNCTION(mu) : mu_(mu) {
    mu_.lock();
  }
  ~MutexLock() ABSL_UNLOCK_FUNCTION() { mu_.unlock(); }
  MutexLock(const MutexLock&) = delete;
  MutexLock& operator=(const MutexLock&) = delete;

 private:
  Mutex& mu_;
};

}  // namespace cascade::server
