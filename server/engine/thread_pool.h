// The model's Executor on real threads.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <thread>
#include <vector>

#include "model/executor.h"
#include "server/engine/mutex.h"

namespace cascade::server {

// A number that one side changes and the other waits for: spinning for some ten microseconds, as
// long as the gaps within a step are, and sleeping after that.
class Signal {
 public:
  std::uint32_t value() const { return value_.load(std::memory_order_acquire); }

  // Adds `delta` (which may wrap) and wakes who sleeps. What was written before it is seen by who
  // returns from WaitWhile. Returns the new value.
  std::uint32_t Add(std::uint32_t delta) ABSL_LOCKS_EXCLUDED(mu_);

  // Returns once value() is not `old`.
  void WaitWhile(std::uint32_t old) ABSL_LOCKS_EXCLUDED(mu_);

 private:
  std::atomic<std::uint32_t> value_ = 0;
  std::atomic<std::uint32_t> sleepers_ = 0;
  Mutex mu_;
  std::condition_variable_any changed_;
};

// `threads` - 1 threads and the one that calls ForRanges. The split is static: [0, count) in
// `threads` ranges of nearly equal length, so each thread meets the same weights in every step. An
// idle pool sleeps and costs nothing.
//
// One caller at a time. ForRanges does not allocate.
class ThreadPool final : public model::Executor {
 public:
  // REQUIRES: threads >= 1.
  explicit ThreadPool(std::size_t threads);
  ~ThreadPool() override;
  ThreadPool(const ThreadPool&) = delete;
  ThreadPool& operator=(const ThreadPool&) = delete;

  void ForRanges(std::size_t count, std::size_t grain, Body body) override;
  std::size_t concurrency() const override { return threads_.size() + 1; }

 private:
  // What all do now. The caller writes it before it raises `round_`; the threads read it before
  // they raise `arrived_`, and the caller waits for them all: it needs no lock.
  struct Job {
    const Body* body = nullptr;  // null: end the thread
    std::size_t count = 0;
    std::size_t grain = 1;
    std::size_t ranges = 0;
  };

  void Serve(std::size_t index);
  void Announce(const Job& job);
  static void RunRange(const Job& job, std::size_t index);

  Job job_;
  Signal round_;                             // jobs so far
  Signal finished_;                          // rounds that all threads have finished
  std::atomic<std::size_t> unfinished_ = 0;  // threads still busy with this round
  std::vector<std::thread> threads_;
};

}  // namespace cascade::server
