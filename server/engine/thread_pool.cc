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

using model::IndexRange;

namespace {

// Long enough for what the worker does alone between two products of a step, and mostly between two
// steps. To wake a sleeping thread takes some 40 microseconds, several times a small product.
constexpr std::chrono::microseconds kSpinTime(100);

// Reads of the counter between two reads of the clock, each of which costs as much as several.
constexpr int kReadsPerClock = 32;

// More would balance the threads better, and cost more between ranges: each begins with weights and
// rows that are not in the first-level cache.
constexpr std::size_t kRangesOfShare = 8;

// Tells the core that this is a spin loop.
void Pause() {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  asm volatile("yield");
#endif
}

}  // namespace

void EpochCounter::Advance(std::uint32_t steps) {
  value_.fetch_add(steps);
  value_.notify_all();  // no system call if nobody sleeps
}

template <typename Done>
std::uint32_t EpochCounter::WaitUntil(const Done& done, WaitStrategy strategy) const {
  if (strategy == WaitStrategy::kSpin) {
    const auto end = std::chrono::steady_clock::now() + kSpinTime;
    do {
      for (int i = 0; i < kReadsPerClock; ++i) {
        if (const std::uint32_t now = value(); done(now)) return now;
        Pause();
      }
    } while (std::chrono::steady_clock::now() < end);
  }
  std::uint32_t now = value();
  for (; !done(now); now = value()) value_.wait(now);
  return now;
}

void EpochCounter::WaitFor(std::uint32_t wanted, WaitStrategy strategy) const {
  WaitUntil([wanted](std::uint32_t now) { return now == wanted; }, strategy);
}

std::uint32_t EpochCounter::WaitForChange(std::uint32_t seen, WaitStrategy strategy) const {
  return WaitUntil([seen](std::uint32_t now) { return now != seen; }, strategy);
}

IndexRange ThreadPool::Job::UnitsOf(std::size_t index) const {
  if (index >= shares) return {};
  return {units * index / shares, units * (index + 1) / shares};
}

std::uint32_t ThreadPool::Job::RangesOf(IndexRange units) {
  return static_cast<std::uint32_t>(std::min(units.end - units.begin, kRangesOfShare));
}

IndexRange ThreadPool::Job::Range(std::size_t index, std::uint32_t range) const {
  const IndexRange own = UnitsOf(index);
  const std::size_t length = own.end - own.begin;
  const std::size_t ranges = RangesOf(own);
  return {(own.begin + length * range / ranges) * grain,
          std::min((own.begin + length * (range + 1) / ranges) * grain, count)};
}

std::uint32_t ThreadPool::Share::Take() {
  std::uint32_t left = ranges_left.load(std::memory_order_relaxed);
  while (left > 0 && !ranges_left.compare_exchange_weak(left, left - 1, std::memory_order_acquire,
                                                        std::memory_order_relaxed)) {
  }
  return left;
}

ThreadPool::ThreadPool(std::size_t threads, WaitStrategy strategy)
    : strategy_(strategy), shares_(threads) {
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
  is_ending_ = true;
  round_.Advance();
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
  if (units == 1 || threads() == 1) {
    body({0, count});
    return;
  }
  job_ = {.body = &body,
          .count = count,
          .grain = grain,
          .units = units,
          .shares = std::min(units, threads())};
  for (std::size_t i = 0; i < threads(); ++i) {
    const std::uint32_t ranges = Job::RangesOf(job_.UnitsOf(i));
    all_finished_ += ranges;
    shares_[i].ranges_left.store(ranges, std::memory_order_release);
  }
  round_.Advance();
  Work(0);
  finished_.WaitFor(all_finished_, strategy_);
  if (!has_failed_.load(std::memory_order_relaxed)) return;
  has_failed_.store(false, std::memory_order_relaxed);
  std::rethrow_exception(std::exchange(failure_, nullptr));
}

void ThreadPool::Serve(std::size_t index) {
  pthread_setname_np(pthread_self(), "cascade-pool");
  std::uint32_t round = 0;
  while (true) {
    round = round_.WaitForChange(round, strategy_);
    if (is_ending_) return;
    Work(index);
  }
}

void ThreadPool::Work(std::size_t index) {
  std::uint32_t finished = 0;
  for (std::size_t i = 0; i < threads(); ++i) {
    const std::size_t share = (index + i) % threads();
    while (const std::uint32_t left = shares_[share].Take()) {
      Run(job_.Range(share, Job::RangesOf(job_.UnitsOf(share)) - left));
      ++finished;
    }
  }
  if (finished > 0) finished_.Advance(finished);
}

void ThreadPool::Run(IndexRange range) noexcept {
  try {
    (*job_.body)(range);
  } catch (...) {
    if (!has_failed_.exchange(true)) failure_ = std::current_exception();
  }
}

}  // namespace cascade::server
