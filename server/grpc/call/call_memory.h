// SPDX-License-Identifier: Apache-2.0
// How many bytes the calls of the process may hold together.
#pragma once

#include <cstddef>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "server/engine/mutex.h"

namespace cascade::server {

// A budget in bytes for all calls that are open: their requests, what is made of them, and the
// answers that clients have not read. A call takes its share before it does anything, grows it
// before it makes more, and gives it back when it is over, which is when its client has read its
// end. Without a share it is refused. Shares are estimates of what a call makes the process hold;
// CallBytes has the factors.
//
// Any thread. Must outlive its shares.
class CallMemory {
 public:
  // One call's part of the budget. The destructor gives it back. Move-only; used by one thread at a
  // time.
  class Share {
   public:
    Share() = default;
    Share(Share&& other) noexcept
        : owner_(std::exchange(other.owner_, nullptr)), bytes_(std::exchange(other.bytes_, 0)) {}
    Share& operator=(Share&& other) noexcept {
      std::swap(owner_, other.owner_);
      std::swap(bytes_, other.bytes_);
      return *this;
    }
    ~Share() {
      if (owner_ != nullptr) owner_->Return(bytes_);
    }

    // True if this is a share, and not empty.
    explicit operator bool() const { return owner_ != nullptr; }

    // Takes `bytes` more. False, with the share as it was, if there are not so many left.
    // REQUIRES: this is a share.
    bool TryGrow(std::size_t bytes) {
      if (!owner_->TryHold(bytes)) return false;
      bytes_ += bytes;
      return true;
    }

   private:
    friend class CallMemory;
    Share(CallMemory* owner, std::size_t bytes) : owner_(owner), bytes_(bytes) {}

    CallMemory* owner_ = nullptr;
    std::size_t bytes_ = 0;
  };

  explicit CallMemory(std::size_t limit) : limit_(limit) {}

  // A share of `bytes`, or an empty one if there are not so many left. Never waits.
  Share TryTake(std::size_t bytes) { return TryHold(bytes) ? Share(this, bytes) : Share(); }

  // What a call is told for which there is no share: RESOURCE_EXHAUSTED.
  absl::Status Full() const noexcept;

  // Bytes that are taken.
  std::size_t held() const ABSL_LOCKS_EXCLUDED(mu_) {
    const MutexLock lock(mu_);
    return held_;
  }

 private:
  bool TryHold(std::size_t bytes) ABSL_LOCKS_EXCLUDED(mu_) {
    const MutexLock lock(mu_);
    if (bytes > limit_ - held_) return false;
    held_ += bytes;
    return true;
  }
  void Return(std::size_t bytes) ABSL_LOCKS_EXCLUDED(mu_) {
    const MutexLock lock(mu_);
    held_ -= bytes;
  }

  const std::size_t limit_;
  mutable Mutex mu_;
  std::size_t held_ ABSL_GUARDED_BY(mu_) = 0;
};

// What a call holds whose request has `request_bytes` on the wire: the message as gRPC received it
// and as it is parsed, and what an open call costs by itself (its reactor, gRPC's call and
// HTTP/2's stream).
inline constexpr std::size_t kOpenCallBytes = 32 << 10;
constexpr std::size_t CallBytes(std::size_t request_bytes) {
  return kOpenCallBytes + 2 * request_bytes;
}

// What a response holds that has `response_bytes` on the wire: the message, and its bytes.
constexpr std::size_t ResponseBytes(std::size_t response_bytes) { return 2 * response_bytes; }

}  // namespace cascade::server
