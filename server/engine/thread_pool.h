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

  // Adds `steps` (which may wrap) and wakes sleeping threads. What the caller wrote before is
  // visible to a thread that returns from a wait.
  void Advance(std::uint32_t steps = 1);

  // Returns once value() is `wanted`.
  void WaitFor(std::uint32_t wanted, WaitStrategy strategy) const;

  // Returns value() once it is not `seen`.
  std::uint32_t WaitForChange(std::uint32_t seen, WaitStrategy strategy) const;

 private:
  template <typename Done>
  std::uint32_t WaitUntil(const Done& done, WaitStrategy strategy) const;

  std::atomic<std::uint32_t> value_ = 0;
};

// `threads` - 1 threads of its own, and the thread that calls ForRanges. [0, count) is split into
// `threads` shares of nearly equal length, and each share into a few ranges. A thread takes the
// ranges of its own share, so that it meets the same weights in every step, and then those that are
// left of others' shares. So nobody waits for a thread whose CPU is busy with something else,
// unless that thread is in the middle of a range. An idle pool sleeps and costs nothing. The
// threads are called "cascade-pool".
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

  std::size_t threads() const { return shares_.size(); }  // the caller included

 private:
  // What all threads do now.
  struct alignas(64) Job {
    const Body* body = nullptr;
    std::size_t count = 0;
    std::size_t grain = 1;
    std::size_t units = 0;   // of `grain` indices
    std::size_t shares = 0;  // that are not empty

    // The units of share `index`.
    model::IndexRange UnitsOf(std::size_t index) const;
    // How many ranges a share of these units is split into.
    static std::uint32_t RangesOf(model::IndexRange units);
    // The indices of range `range` of share `index`.
    model::IndexRange Range(std::size_t index, std::uint32_t range) const;
  };

  // One thread's part of the job. The caller writes job_ before it fills the shares, and waits
  // until all ranges are finished before it writes job_ again. So a thread that has taken a range,
  // and no other, may read job_ until it reports the range as finished. A thread that comes late
  // takes a range of a later job, or none: it needs to know nothing of rounds.
  struct alignas(64) Share {
    std::atomic<std::uint32_t> ranges_left = 0;

    // Takes a range: how many there were, or zero if there was none.
    std::uint32_t Take();
  };

  void Serve(std::size_t index);
  void EndThreads();

  // Takes and runs ranges until none is left, those of share `index` first.
  void Work(std::size_t index);

  // Keeps the first exception of a round for its caller: one that left here on a thread of the pool
  // would end the process.
  void Run(model::IndexRange range) noexcept;

  const WaitStrategy strategy_;
  std::atomic<bool> is_ending_ = false;  // here, where no round writes: threads read it in each
  Job job_;
  std::vector<Share> shares_;       // of the caller, then of each thread
  EpochCounter round_;              // jobs so far
  EpochCounter finished_;           // ranges that are finished, summed over all rounds
  std::uint32_t all_finished_ = 0;  // what finished_ becomes in this round
  std::atomic<bool> has_failed_ = false;
  std::exception_ptr failure_;  // of the thread that set has_failed_; then the caller's
  std::vector<std::thread> threads_;
};

}  // namespace cascade::server
