// SPDX-License-Identifier: Apache-2.0

#include "server/engine/thread_pool.h"

#include <pthread.h>

#include <algorithm>
#include <cassert>
#include <chrono>
#include <exception>
#include <utility>

#include "server/engine/affinity.h"

namespace cascade::server {
namespace {

// Long enough for what the worker does alone between two products of a step, and mostly between two
// steps. To wake a sleeping thread takes some 40 microseconds, several times a small product.
constexpr std::chrono::microseconds kSpinTime(100);

// Reads of the counter between two reads of the clock, each of which costs as much as several.
constexpr int kReadsPerClock = 32;

// Tells the core that this is a spin loop.
void Pause() {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  asm volatile("yield");
#endif
}

}  // namespace

void EpochCounter::Advance() {
  value_.fetch_add(1);
  value_.notify_all();  // no system call if nobody sleeps
}

void EpochCounter::WaitFor(std::uint32_t wanted, WaitStrategy strategy) const {
  if (strategy == WaitStrategy::kSpin) {
    const auto end = std::chrono::steady_clock::now() + kSpinTime;
    do {
      for (int i = 0; i < kReadsPerClock; ++i) {
        if (value() == wanted) return;
        Pause();
      }
    } while (std::chrono::steady_clock::now() < end);
  }
  for (std::uint32_t now = value(); now != wanted; now = value()) value_.wait(now);
}

ThreadPool::ThreadPool(std::size_t threads, WaitStrategy strategy) : strategy_(strategy) {
  assert(threads >= 1);
  threads_.reserve(threads - 1);
  try {
    for (std::size_t i = 1; i < threads; ++i) threads_.emplace_back([this, i] { Serve(i); });
  } catch (...) {
    EndThreads();
    throw;
  }
}

ThreadPool::~ThreadPool() { EndThreads(); }

void ThreadPool::EndThreads() {
  Announce({});
  for (std::thread& thread : threads_) thread.join();
}

absl::Status ThreadPool::Pin(std::span<const int> cpus) {
  assert(cpus.size() >= threads());
  absl::Status status;
  for (std::size_t i = 1; i < threads(); ++i) {
    status.Update(PinThread(threads_[i - 1].native_handle(), cpus[i]));
  }
  return status;
}

void ThreadPool::ForRanges(std::size_t count, std::size_t grain, Body body) {
  if (count == 0) return;
  const std::size_t units = (count + grain - 1) / grain;
  const Job job = {
      .body = &body, .count = count, .grain = grain, .ranges = std::min(units, threads())};
  if (job.ranges == 1) {
    body({0, count});
    return;
  }
  // The caller takes a range itself: it would only wait otherwise.
  Announce(job);
  RunRange(job, 0);
  finished_.WaitFor(all_finished_, strategy_);
  if (!has_failed_.load(std::memory_order_relaxed)) return;
  has_failed_.store(false, std::memory_order_relaxed);
  std::rethrow_exception(std::exchange(failure_, nullptr));
}

void ThreadPool::Announce(const Job& job) {
  job_ = job;
  // Every thread reports each round, also one without a range in it: so one number tells that all
  // of them are done with `job_`, which the next round overwrites.
  all_finished_ += static_cast<std::uint32_t>(threads_.size());
  round_.Advance();
}

void ThreadPool::Serve(std::size_t index) {
  pthread_setname_np(pthread_self(), "cascade-pool");
  for (std::uint32_t round = 1;; ++round) {
    round_.WaitFor(round, strategy_);
    if (job_.body == nullptr) return;
    RunRange(job_, index);
    finished_.Advance();
  }
}

void ThreadPool::RunRange(const Job& job, std::size_t index) noexcept {
  if (index >= job.ranges) return;
  const std::size_t units = (job.count + job.grain - 1) / job.grain;
  const std::size_t begin = units * index / job.ranges * job.grain;
  const std::size_t end = units * (index + 1) / job.ranges * job.grain;
  try {
    (*job.body)({begin, std::min(end, job.count)});
  } catch (...) {
    if (!has_failed_.exchange(true)) failure_ = std::current_exception();
  }
}

}  // namespace cascade::server
