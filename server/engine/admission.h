#pragma once

#include <cstddef>
#include <utility>

#include "server/engine/mutex.h"

namespace cascade::server {

// Bounds how many requests the process holds, queued and running together.
// Thread-safe.
class Admission {
 public:
  // A place in the house. Released by the destructor; move-only.
  class Permit {
   public:
    Permit() = default;
    Permit(Permit&& other) noexcept
        : owner_(std::exchange(other.owner_, nullptr)) {}
    Permit& operator=(Permit&& other) noexcept {
      if (this != &other) {
        Release();
        owner_ = std::exchange(other.owner_, nullptr);
      }
      return *this;
    }
    ~Permit() { Release(); }
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

  // An empty Permit if the house is full. Never blocks.
  Permit TryEnter() ABSL_LOCKS_EXCLUDED(mu_) {
    MutexLock lock(mu_);
    if (held_ == limit_) return Permit();
    ++held_;
    return Permit(this);
  }

  std::size_t held() ABSL_LOCKS_EXCLUDED(mu_) {
    MutexLock lock(mu_);
    return held_;
  }

 private:
  void Return() ABSL_LOCKS_EXCLUDED(mu_) {
    MutexLock lock(mu_);
    --held_;
  }

  const std::size_t limit_;
  Mutex mu_;
  std::size_t held_ ABSL_GUARDED_BY(mu_) = 0;
};

}  // namespace cascade::server
