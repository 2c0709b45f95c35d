// SPDX-License-Identifier: Apache-2.0

#include "server/grpc/call/long_work.h"

#include <sys/resource.h>
#include <unistd.h>

#include <utility>

namespace cascade::server {
namespace {

// Added to the process's own: a tenth of the weight of its other threads. Such a thread runs where
// a CPU is free, and is not starved where none is.
constexpr int kNiceness = 10;

}  // namespace

LongWork::LongWork(std::size_t threads) {
  threads_.reserve(threads);
  for (std::size_t i = 0; i < threads; ++i) threads_.emplace_back([this] { Run(); });
}

LongWork::~LongWork() {
  {
    const MutexLock lock(mu_);
    ending_ = true;
    changed_.notify_all();
  }
  for (std::thread& thread : threads_) thread.join();
}

void LongWork::Post(std::function<void()> work) {
  const MutexLock lock(mu_);
  queue_.push_back(std::move(work));
  changed_.notify_one();
}

void LongWork::Run() {
  // Linux keeps a niceness for each thread, under its own number. A failure costs nothing but the
  // preference.
  const auto thread = static_cast<id_t>(gettid());
  (void)setpriority(PRIO_PROCESS, thread, getpriority(PRIO_PROCESS, thread) + kNiceness);
  while (const std::function<void()> work = Take()) work();
}

std::function<void()> LongWork::Take() {
  const MutexLock lock(mu_);
  while (queue_.empty() && !ending_) changed_.wait(mu_);
  if (queue_.empty()) return nullptr;
  std::function<void()> work = std::move(queue_.front());
  queue_.pop_front();
  return work;
}

}  // namespace cascade::server
