// SPDX-License-Identifier: Apache-2.0
// Handles Ctrl-C with a callback instead of ending the process.
#pragma once

#include <atomic>
#include <csignal>
#include <functional>
#include <thread>

namespace cascade::cli {

// While one lives, SIGINT and SIGTERM wait, and so they do in the threads that are started
// meanwhile.
class BlockedSignals {
 public:
  BlockedSignals();
  ~BlockedSignals();
  BlockedSignals(const BlockedSignals&) = delete;
  BlockedSignals& operator=(const BlockedSignals&) = delete;

  // While one lives, the thread that made both takes signals as before the BlockedSignals. With
  // `forgets_interrupts`, SIGINT waits all the same, and what waits of it at the end is forgotten.
  class Pause {
   public:
    Pause(const BlockedSignals& blocked, bool forgets_interrupts);
    ~Pause();
    Pause(const Pause&) = delete;
    Pause& operator=(const Pause&) = delete;

   private:
    const bool forgets_interrupts_;
    sigset_t blocked_;
  };

 private:
  sigset_t before_;
};

// While an Interrupt object lives, SIGINT and SIGTERM do not end the process: the first calls
// `on_interrupt`, on a thread of its own. Construct it, or a
// BlockedSignals, before any thread is started, gRPC's included: threads inherit which signals are
// blocked, and a signal that finds a thread without the block ends the process. Destroy it in the
// thread that made it.
class Interrupt {
 public:
  explicit Interrupt(std::function<void()> on_interrupt);
  ~Interrupt();
  Interrupt(const Interrupt&) = delete;
  Interrupt& operator=(const Interrupt&) = delete;

  // The first signal that has arrived, or 0; set before `on_interrupt` is called.
  int signal() const { return signal_; }

 private:
  void Wait();

  const std::function<void()> on_interrupt_;
  const BlockedSignals blocked_;  // the constructing thread's
  std::atomic<bool> closing_ = false;
  std::atomic<int> signal_ = 0;
  std::thread watcher_;  // last: it uses the others
};

}  // namespace cascade::cli
