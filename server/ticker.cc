// SPDX-License-Identifier: Apache-2.0

#include "server/ticker.h"

#include <algorithm>
#include <chrono>
#include <exception>
#include <utility>

namespace cascade::server {

Ticker::Ticker(absl::Duration period, std::function<void(absl::Duration passed)> tick)
    : period_(period), tick_(std::move(tick)), thread_([this] { Run(); }) {}

Ticker::~Ticker() {
  {
    const MutexLock lock(mu_);
    ending_ = true;
    changed_.notify_all();
  }
  thread_.join();
}

void Ticker::Run() {
  auto last = std::chrono::steady_clock::now();
  while (Sleep()) {
    const auto now = std::chrono::steady_clock::now();
    try {
      tick_(std::min(absl::FromChrono(now - last), 2 * period_));
    } catch (const std::exception&) {  // no memory: there may be some the next time
    }
    last = now;
  }
}

bool Ticker::Sleep() {
  const auto until = std::chrono::steady_clock::now() + absl::ToChronoNanoseconds(period_);
  const MutexLock lock(mu_);
  while (!ending_ && changed_.wait_until(mu_, until) != std::cv_status::timeout) {
  }
  return !ending_;
}

}  // namespace cascade::server
