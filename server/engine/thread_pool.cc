#include "server/engine/thread_pool.h"

#include <algorithm>
#include <cassert>

namespace cascade::server {
namespace {

// About 20 microseconds: a pause is some 40 cycles (Zen, Skylake and later: up to 140).
constexpr int kSpins = 1024;

// Tells the core that this is a spin loop.
void Pause() {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  asm volatile("yield");
#endif
}

}  // namespace

// Sleeper and waker each write one of (sleepers_, value_) and then read the other, sequentially
// consistent, so at least one sees the other: a sleeper that misses the new value has been counted
// by a waker, who then notifies under the lock.
std::uint32_t Signal::Add(std::uint32_t delta) {
  const std::uint32_t now = value_.fetch_add(delta) + delta;
  if (sleepers_.load() > 0) {
    const MutexLock lock(mu_);
    changed_.notify_all();
  }
  return now;
}

void Signal::WaitWhile(std::uint32_t old) {
  for (int i = 0; i < kSpins; ++i) {
    if (value() != old) return;
    Pause();
  }
  const MutexLock lock(mu_);
  sleepers_.fetch_add(1);
  while (value_.load() == old) changed_.wait(mu_);
  sleepers_.fetch_sub(1);
}

ThreadPool::ThreadPool(std::size_t threads) {
  assert(threads >= 1);
  threads_.reserve(threads - 1);
  for (std::size_t i = 1; i < threads; ++i) threads_.emplace_back([this, i] { Serve(i); });
}

ThreadPool::~ThreadPool() {
  Announce({});
  for (std::thread& thread : threads_) thread.join();
}

void ThreadPool::ForRanges(std::size_t count, std::size_t grain, Body body) {
  if (count == 0) return;
  const std::size_t units = (count + grain - 1) / grain;
  const Job job = {
      .body = &body, .count = count, .grain = grain, .ranges = std::min(units, concurrency())};
  if (job.ranges == 1) {
    body({0, count});
    return;
  }
  const std::uint32_t before = finished_.value();
  Announce(job);
  RunRange(job, 0);
  finished_.WaitWhile(before);
}

void ThreadPool::Announce(const Job& job) {
  job_ = job;
  unfinished_.store(threads_.size(), std::memory_order_relaxed);
  round_.Add(1);
}

void ThreadPool::Serve(std::size_t index) {
  for (std::uint32_t round = 0;; ++round) {
    round_.WaitWhile(round);
    if (job_.body == nullptr) return;
    RunRange(job_, index);
    if (unfinished_.fetch_sub(1, std::memory_order_acq_rel) == 1) finished_.Add(1);
  }
}

void ThreadPool::RunRange(const Job& job, std::size_t index) {
  if (index >= job.ranges) return;
  const std::size_t units = (job.count + job.grain - 1) / job.grain;
  const std::size_t begin = units * index / job.ranges * job.grain;
  const std::size_t end = units * (index + 1) / job.ranges * job.grain;
  (*job.body)({begin, std::min(end, job.count)});
}

}  // namespace cascade::server
