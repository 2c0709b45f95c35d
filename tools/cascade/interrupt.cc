// SPDX-License-Identifier: Apache-2.0

#include "tools/cascade/interrupt.h"

#include <csignal>
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

Interrupt::Interrupt(std::function<void()> on_interrupt) : on_interrupt_(std::move(on_interrupt)) {
  const sigset_t signals = Signals();
  pthread_sigmask(SIG_BLOCK, &signals, &signals_before_);
  watcher_ = std::thread([this] { Wait(); });
}

Interrupt::~Interrupt() {
  closing_ = true;
  pthread_kill(watcher_.native_handle(), SIGINT);  // wakes sigwait, in that thread alone
  watcher_.join();
  pthread_sigmask(SIG_SETMASK, &signals_before_, nullptr);
}

void Interrupt::Wait() {
  const sigset_t signals = Signals();
  while (!closing_) {
    int signal = 0;
    sigwait(&signals, &signal);
    if (closing_ || raised_.exchange(true)) continue;
    on_interrupt_();
  }
}

}  // namespace cascade::cli
