// SPDX-License-Identifier: Apache-2.0
// Tells when connections must end because they make the process grow beyond its memory.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>

#include "absl/time/time.h"

namespace cascade::server {

// Some abuse of HTTP/2 makes gRPC 1.51 hold memory that neither its resource quota nor any limit of
// a message bounds, up to 700 MiB a second. Therefore this looks at what the process holds in all,
// so often that the process cannot grow much between two looks.
//
// For one thread, but SetBound.
class MemoryGuard {
 public:
  // The bytes of memory that the process holds now.
  using HeldBytes = std::function<std::uint64_t()>;

  // Without a bound until SetBound.
  explicit MemoryGuard(HeldBytes held);

  // From now on the process is to hold at most `bytes`. From any thread.
  void SetBound(std::uint64_t bytes);

  // Looks. True if the process holds more than the bound, and has grown since this last was true:
  // memory that stays with the process when its cause is gone is no reason to end connections again
  // and again.
  bool GrowsBeyondBound();

  // How long the process needs at least to grow to the bound, as of the last look; within limits.
  absl::Duration UntilNextLook() const { return until_next_look_; }

  // What the process held at the last look, in bytes.
  std::uint64_t held_bytes() const { return held_bytes_; }

 private:
  const HeldBytes held_;
  std::atomic<std::uint64_t> bound_;
  std::uint64_t held_bytes_ = 0;
  std::uint64_t tolerated_ = 0;  // what the process may hold, if that is more than the bound
  absl::Duration until_next_look_;
};

}  // namespace cascade::server
