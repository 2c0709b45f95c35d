// The model's Executor on real threads.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <span>
#include <thread>
#include <vector>

#include "absl/status/status.h"
#include "model/executor.h"

namespace cascade::server {

// How long a thread that waits looks again and again before it sleeps.
enum class Patience : std::uint8_t {
  kSpin,   // as long as the gaps within a step are: for threads that have a CPU each
  kSleep,  // not at all: for more threads than CPUs, where spinning would keep the others waiting
};

// A number that some threads raise and others wait for.
//
// Has a cache line of its own, so that who spins on it meets nobody else's writes.
class alignas(64) Signal {
 public:
  std::uint32_t value() const { return value_.load(std::memory_order_acquire); }

  // Adds 1 (which may wrap) and wakes who sleeps. What was written before it is seen by who returns
  // from WaitFor.
  void Raise();

  // Returns once value() is `wanted`.
  void WaitFor(std::uint32_t wanted, Patience patience) const;

 private:
  std::atomic<std::uint32_t> value_ = 0;
};

// `threads` - 1 threads and the one that calls ForRanges. The split is static: [0, count) in
// `threads` ranges of nearly equal length, so each thread meets the same weights in every step. An
// idle pool sleeps and costs nothing. The threads are called "cascade-pool".
//
// One caller at a time. ForRanges does not allocate.
// Cost: about a microsecond a call for four threads. tests/bench/thread_pool_bench.cc
class ThreadPool final : public model::Executor {
 public:
  // REQUIRES: threads >= 1.
  explicit ThreadPool(std::size_t threads, Patience patience = Patience::kSpin);
  ~ThreadPool() override;
  ThreadPool(const ThreadPool&) = delete;
  ThreadPool& operator=(const ThreadPool&) = delete;

  void ForRanges(std::size_t count, std::size_t grain, Body body) override;

  // Ties the pool's own thread number i, from 1 on, to CPU cpus[i]; cpus[0] is for the caller, who
  // ties itself. An error leaves the threads as they were or tied in part: they work all the same.
  // REQUIRES: cpus.size() >= threads().
  absl::Status Pin(std::span<const int> cpus);

  std::size_t threads() const { return threads_.size() + 1; }  // the caller included

 private:
  // What all do now. The caller writes it before it raises `round_`; the threads read it before
  // they raise `finished_`, and the caller waits for them all: it needs no lock.
  struct alignas(64) Job {
    const Body* body = nullptr;  // null: end the thread
    std::size_t count = 0;
    std::size_t grain = 1;
    std::size_t ranges = 0;
  };

  void Serve(std::size_t index);
  void Announce(const Job& job);
  static void RunRange(const Job& job, std::size_t index);

  const Patience patience_;
  Job job_;
  Signal round_;     // jobs so far
  Signal finished_;  // by how many threads jobs have been finished, all rounds together
  std::uint32_t all_finished_ = 0;  // what finished_ becomes in this round
  std::vector<std::thread> threads_;
};

}  // namespace cascade::server
