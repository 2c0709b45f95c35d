// SPDX-License-Identifier: Apache-2.0
// How many requests the process holds at once.
#pragma once

#include <array>
#include <cstddef>
#include <utility>

#include "server/engine/caller.h"
#include "server/engine/mutex.h"

namespace cascade::server {

// Bounds how many requests there are, queued and running together. A service makes one Admission
// with max_queued + max_running places, and takes a permit before it hands a request to the worker.
// A request takes one place, however many choices it has.
//
// One caller may hold fifteen sixteenths of the places, so that the others find some. (Of fewer
// than sixteen it may hold all.)
//
// Any thread. Must outlive its permits.
class Admission {
 public:
  // One request's place. The destructor gives it back. Move-only; used by one thread at a time.
  class Permit {
   public:
    Permit() = default;
    Permit(Permit&& other) noexcept
        : owner_(std::exchange(other.owner_, nullptr)), caller_(other.caller_) {}
    Permit& operator=(Permit&& other) noexcept {
      if (this != &other) {
        Release();
        owner_ = std::exchange(other.owner_, nullptr);
        caller_ = other.caller_;
      }
      return *this;
    }
    ~Permit() { Release(); }

    // True if this is a place, and not empty.
    explicit operator bool() const { return owner_ != nullptr; }

   private:
    friend class Admission;
    Permit(Admission* owner, Caller caller) : owner_(owner), caller_(caller) {}
    void Release() {
      if (owner_ != nullptr) owner_->Return(caller_);
      owner_ = nullptr;
    }

    Admission* owner_ = nullptr;
    Caller caller_ = 0;
  };

  explicit Admission(std::size_t limit) : limit_(limit) {}

  // A place for `caller`, or an empty permit if all are taken or all that it may have. Never waits.
  Permit TryEnter(Caller caller = 0) ABSL_LOCKS_EXCLUDED(mu_) {
    const MutexLock lock(mu_);
    if (held_ >= limit_ || held_by_[caller] >= limit_for_one()) return Permit();
    ++held_;
    ++held_by_[caller];
    return Permit(this, caller);
  }

  // Places taken.
  std::size_t held() const ABSL_LOCKS_EXCLUDED(mu_) {
    const MutexLock lock(mu_);
    return held_;
  }

  std::size_t limit() const { return limit_; }

  // Places that one caller may hold.
  std::size_t limit_for_one() const { return limit_ - limit_ / 16; }

 private:
  void Return(Caller caller) ABSL_LOCKS_EXCLUDED(mu_) {
    const MutexLock lock(mu_);
    --held_;
    --held_by_[caller];
  }

  const std::size_t limit_;
  mutable Mutex mu_;
  std::size_t held_ ABSL_GUARDED_BY(mu_) = 0;
  std::array<std::size_t, kCallers> held_by_ ABSL_GUARDED_BY(mu_) = {};
};

}  // namespace cascade::server
