// SPDX-License-Identifier: Apache-2.0
// The model's Executor on real threads.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <span>
#include <thread>
#include <vector>

#include "absl/status/status.h"
#include "model/executor.h"

namespace cascade::server {

// How a thread waits for another.
enum class WaitStrategy : std::uint8_t {
  kSpin,   // spins for as long as the gaps within a step are, then sleeps: for threads that have a
           // CPU each
  kSleep,  // sleeps at once: for more threads than CPUs, where a spinning thread would keep another
           // from working
};

// An epoch counter: some threads advance it, others wait for a value.
//
// Has a cache line of its own, so that writes to other data do not disturb a thread that spins.
class alignas(64) EpochCounter {
 public:
  std::uint32_t value() const { return value_.load(std::memory_order_acquire); }

  // Adds 1 (which may wrap) and wakes sleeping threads. What the caller wrote before is visible to
  // a thread that returns from WaitFor.
  void Advance();

  // Returns once value() is `wanted`.
  void WaitFor(std::uint32_t wanted, WaitStrategy strategy) const;

 private:
  std::atomic<std::uint32_t> value_ = 0;
};

// `threads` - 1 threads of its own, and the thread that calls ForRanges. The split is static: [0,
// count) in `threads` ranges of nearly equal length, so each thread meets the same weights in every
// step. An idle pool sleeps and costs nothing. The threads are called "cascade-pool".
//
// One caller at a time. ForRanges does not allocate.
// Cost: about a microsecond a call for four threads. tests/bench/thread_pool_bench.cc
class ThreadPool final : public model::Executor {
 public:
  // REQUIRES: threads >= 1. Throws std::system_error if a thread cannot be started.
  explicit ThreadPool(std::size_t threads, WaitStrategy strategy = WaitStrategy::kSpin);
  ~ThreadPool() override;
  ThreadPool(const ThreadPool&) = delete;
  ThreadPool& operator=(const ThreadPool&) = delete;

  void ForRanges(std::size_t count, std::size_t grain, Body body) override;

  // Ties the pool's own thread number i, from 1 on, to CPU cpus[i]; cpus[0] is for the caller,
  // which ties itself. After an error some threads may be tied and others not; all of them work.
  // REQUIRES: cpus.size() >= threads().
  absl::Status Pin(std::span<const int> cpus);

  std::size_t threads() const { return threads_.size() + 1; }  // the caller included

 private:
  // What all threads do now. It needs no lock: the caller writes it before it advances `round_`,
  // the threads read it before they advance `finished_`, and the caller waits for that.
  struct alignas(64) Job {
    const Body* body = nullptr;  // null: end the thread
    std::size_t count = 0;
    std::size_t grain = 1;
    std::size_t ranges = 0;
  };

  void Serve(std::size_t index);
  void Announce(const Job& job);
  void EndThreads();

  // Keeps the first exception of a round for its caller: one that left here on a thread of the pool
  // would end the process.
  void RunRange(const Job& job, std::size_t index) noexcept;

  const WaitStrategy strategy_;
  Job job_;
  EpochCounter round_;              // jobs so far
  EpochCounter finished_;           // threads that have finished a job, summed over all rounds
  std::uint32_t all_finished_ = 0;  // what finished_ becomes in this round
  std::atomic<bool> has_failed_ = false;
  std::exception_ptr failure_;  // of the thread that set has_failed_; then the caller's
  std::vector<std::thread> threads_;
};

}  // namespace cascade::server
