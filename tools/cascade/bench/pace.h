// SPDX-License-Identifier: Apache-2.0
// Decides when requests start.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>

namespace cascade::cli::bench {

using Clock = std::chrono::steady_clock;

// Not thread-safe. Turns are taken in order: Next() says when the next is due, Take() takes it.
class Pace {
 public:
  virtual ~Pace() = default;

  // The time at which the next request is due; empty while every client waits for an answer.
  virtual std::optional<Clock::time_point> Next() const = 0;
  virtual void Take() = 0;

  // Call it when a request has ended. Its client sends no other request before `ready`.
  virtual void OnEnded(Clock::time_point ready) = 0;
};

// Open loop: a Poisson process of `rate` requests a second from `start` on, whether or not earlier
// requests have ended. rate > 0. Its times are a function of rate and seed.
std::unique_ptr<Pace> MakeOpenPace(double rate, std::uint64_t seed, Clock::time_point start);

// Closed loop: `concurrency` clients that each send their next request when their last has ended.
std::unique_ptr<Pace> MakeClosedPace(std::uint32_t concurrency, Clock::time_point start);

}  // namespace cascade::cli::bench
