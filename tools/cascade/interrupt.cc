// SPDX-License-Identifier: Apache-2.0

#include "tools/cascade/interrupt.h"

#include <csignal>
#include <ctime>
#include <utility>

namespace cascade::cli {
namespace {

sigset_t Signals() {
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGINT);
  sigaddset(&signals, SIGTERM);
  return signals;
}

}  // namespace

BlockedSignals::BlockedSignals() {
  const sigset_t signals = Signals();
  pthread_sigmask(SIG_BLOCK, &signals, &before_);
}

BlockedSignals::~BlockedSignals() { pthread_sigmask(SIG_SETMASK, &before_, nullptr); }

BlockedSignals::Pause::Pause(const BlockedSignals& blocked, bool forgets_interrupts)
    : forgets_interrupts_(forgets_interrupts) {
  sigset_t signals = blocked.before_;
  if (forgets_interrupts) sigaddset(&signals, SIGINT);
  pthread_sigmask(SIG_SETMASK, &signals, &blocked_);
}

BlockedSignals::Pause::~Pause() {
  pthread_sigmask(SIG_SETMASK, &blocked_, nullptr);
  if (!forgets_interrupts_) return;
  sigset_t interrupt;
  sigemptyset(&interrupt);
  sigaddset(&interrupt, SIGINT);
  const timespec at_once = {};
  while (sigtimedwait(&interrupt, nullptr, &at_once) > 0) {
  }
}

Interrupt::Interrupt(std::function<void()> on_interrupt) : on_interrupt_(std::move(on_interrupt)) {
  watcher_ = std::thread([this] { Wait(); });
}

Interrupt::~Interrupt() {
  closing_ = true;
  pthread_kill(watcher_.native_handle(), SIGINT);  // wakes sigwait, in that thread alone
  watcher_.join();
}

void Interrupt::Wait() {
  const sigset_t signals = Signals();
  while (!closing_) {
    int signal = 0;
    sigwait(&signals, &signal);
    int none = 0;
    if (closing_ || !signal_.compare_exchange_strong(none, signal)) continue;
    on_interrupt_();
  }
}

}  // namespace cascade::cli
