// SPDX-License-Identifier: Apache-2.0
// Handles Ctrl-C with a callback instead of ending the process.
#pragma once

#include <atomic>
#include <csignal>
#include <functional>
#include <thread>

namespace cascade::cli {

// While an Interrupt object lives, SIGINT and SIGTERM do not end the process: the first calls
// `on_interrupt`, on a thread of its own. Construct it before any thread is started, gRPC's
// included: threads inherit which signals are blocked, and a signal that finds a thread without the
// block ends the process. Destroy it in the thread that made it.
class Interrupt {
 public:
  explicit Interrupt(std::function<void()> on_interrupt);
  ~Interrupt();
  Interrupt(const Interrupt&) = delete;
  Interrupt& operator=(const Interrupt&) = delete;

  // True once a signal has arrived; set before `on_interrupt` is called.
  bool raised() const { return raised_; }

 private:
  void Wait();

  const std::function<void()> on_interrupt_;
  sigset_t signals_before_;  // the constructing thread's mask
  std::atomic<bool> closing_ = false;
  std::atomic<bool> raised_ = false;
  std::thread watcher_;  // last: it uses the others
};

}  // namespace cascade::cli
