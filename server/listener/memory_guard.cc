// SPDX-License-Identifier: Apache-2.0

#include "server/listener/memory_guard.h"

#include <algorithm>
#include <limits>
#include <utility>

namespace cascade::server {
namespace {

constexpr std::uint64_t kNoBound = std::numeric_limits<std::uint64_t>::max();

// The fastest growth that was measured is 0.7 GiB a second, by one connection; gRPC works on as
// many at once as there are CPUs.
constexpr double kBytesPerSecond = 4.0 * (1 << 30);
constexpr absl::Duration kShortest = absl::Milliseconds(5);
constexpr absl::Duration kLongest = absl::Milliseconds(200);

// How much more than before the process may hold without being told to grow.
constexpr std::uint64_t kNoise = std::uint64_t{4} << 20;

}  // namespace

MemoryGuard::MemoryGuard(HeldBytes held)
    : held_(std::move(held)), bound_(kNoBound), until_next_look_(kLongest) {}

void MemoryGuard::SetBound(std::uint64_t bytes) { bound_ = bytes; }

bool MemoryGuard::GrowsBeyondBound() {
  const std::uint64_t bound = bound_;
  held_bytes_ = held_();
  const std::uint64_t room = bound - std::min(bound, held_bytes_);
  until_next_look_ =
      std::clamp(absl::Seconds(static_cast<double>(room) / kBytesPerSecond), kShortest, kLongest);
  const bool grows = held_bytes_ > std::max(bound, tolerated_);
  const std::uint64_t more = std::max(bound, held_bytes_ + kNoise);
  tolerated_ = grows ? more : std::min(tolerated_, more);
  return grows;
}

}  // namespace cascade::server
