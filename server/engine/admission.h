// SPDX-License-Identifier: Apache-2.0
// How many requests the process holds at once.
#pragma once

#include <cstddef>
#include <utility>

#include "server/engine/mutex.h"

namespace cascade::server {

// Bounds how many requests there are, queued and running together. A service makes one Admission
// with max_queued + max_running places, and takes a permit before it hands a request to the worker.
// A request takes one place, however many choices it has.
//
// Any thread. Must outlive its permits.
class Admission {
 public:
  // One request's place. The destructor gives it back. Move-only; used by one thread at a time.
  class Permit {
   public:
    Permit() = default;
    Permit(Permit&& other) noexcept : owner_(std::exchange(other.owner_, nullptr)) {}
    Permit& operator=(Permit&& other) noexcept {
      if (this != &other) {
        Release();
        owner_ = std::exchange(other.owner_, nullptr);
      }
      return *this;
    }
    ~Permit() { Release(); }

    // True if this is a place, and not empty.
    explicit operator bool() const { return owner_ != nullptr; }

   private:
    friend class Admission;
    explicit Permit(Admission* owner) : owner_(owner) {}
    void Release() {
      if (owner_ != nullptr) owner_->Return();
      owner_ = nullptr;
    }

    Admission* owner_ = nullptr;
  };

  explicit Admission(std::size_t limit) : limit_(limit) {}

  // A place, or an empty permit if all are taken. Never waits.
  Permit TryEnter() ABSL_LOCKS_EXCLUDED(mu_) {
    const MutexLock lock(mu_);
    if (held_ >= limit_) return Permit();
    ++held_;
    return Permit(this);
  }

  // Places taken.
  std::size_t held() const ABSL_LOCKS_EXCLUDED(mu_) {
    const MutexLock lock(mu_);
    return held_;
  }

  std::size_t limit() const { return limit_; }

 private:
  void Return() ABSL_LOCKS_EXCLUDED(mu_) {
    const MutexLock lock(mu_);
    --held_;
  }

  const std::size_t limit_;
  mutable Mutex mu_;
  std::size_t held_ ABSL_GUARDED_BY(mu_) = 0;
};

}  // namespace cascade::server
