// SPDX-License-Identifier: Apache-2.0

#include "server/observability/line_writer.h"

#include <poll.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <condition_variable>
#include <csignal>
#include <deque>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/strings/string_view.h"
#include "server/engine/mutex.h"

namespace cascade::server {
namespace {

constexpr std::chrono::seconds kFlushTime{1};

// Waits as long as `fd` takes nothing. False if it never will.
bool WriteAll(int fd, absl::string_view text) {
  while (!text.empty()) {
    const ssize_t written = write(fd, text.data(), text.size());
    if (written >= 0) {
      text.remove_prefix(static_cast<std::size_t>(written));
    } else if (errno == EAGAIN) {  // whoever shares the descriptor has made it non-blocking
      pollfd writable = {.fd = fd, .events = POLLOUT, .revents = 0};
      poll(&writable, 1, -1);
    } else if (errno != EINTR) {
      return false;
    }
  }
  return true;
}

}  // namespace

struct LineWriter::State {
  State(int descriptor, const Bounds& at_most) : fd(descriptor), bounds(at_most) {}

  const int fd;
  const Bounds bounds;
  Mutex mu;
  std::condition_variable_any pushed;   // wakes the thread
  std::condition_variable_any written;  // wakes Flush
  std::deque<std::string> lines ABSL_GUARDED_BY(mu);
  std::size_t bytes ABSL_GUARDED_BY(mu) = 0;  // of `lines` and of the line that is being written
  std::uint64_t count_pushed ABSL_GUARDED_BY(mu) = 0;
  std::uint64_t count_done ABSL_GUARDED_BY(mu) = 0;  // written, or failed
  std::uint64_t count_failed ABSL_GUARDED_BY(mu) = 0;
  bool ending ABSL_GUARDED_BY(mu) = false;
};

LineWriter::LineWriter(int fd, const Bounds& bounds) : state_(std::make_shared<State>(fd, bounds)) {
  // A signal is for the threads that wait for it; and a write to a pipe whose reader has gone must
  // fail, not end the process. Threads inherit the mask.
  sigset_t all;
  sigset_t before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  thread_ = std::thread([state = state_] { Run(*state); });
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
}

LineWriter::~LineWriter() {
  const bool all_written = Flush();
  {
    const MutexLock lock(state_->mu);
    state_->ending = true;
  }
  state_->pushed.notify_one();
  if (all_written) {
    thread_.join();
  } else {
    thread_.detach();
  }
}

bool LineWriter::TryPush(std::string line) {
  State& state = *state_;
  {
    const MutexLock lock(state.mu);
    if (state.count_pushed - state.count_done >= state.bounds.lines) return false;
    if (line.size() > state.bounds.bytes - state.bytes) return false;
    const std::size_t bytes = line.size();
    state.lines.push_back(std::move(line));
    state.bytes += bytes;
    ++state.count_pushed;
  }
  state.pushed.notify_one();
  return true;
}

bool LineWriter::Flush() {
  const auto deadline = std::chrono::steady_clock::now() + kFlushTime;
  State& state = *state_;
  const MutexLock lock(state.mu);
  const std::uint64_t target = state.count_pushed;
  while (state.count_done < target) {
    if (state.written.wait_until(state.mu, deadline) == std::cv_status::timeout) break;
  }
  return state.count_done >= target;
}

std::uint64_t LineWriter::TakeFailed() {
  const MutexLock lock(state_->mu);
  return std::exchange(state_->count_failed, 0);
}

void LineWriter::Run(State& state) {
  while (true) {
    std::string line;
    {
      const MutexLock lock(state.mu);
      while (state.lines.empty() && !state.ending) state.pushed.wait(state.mu);
      if (state.ending) return;
      line = std::move(state.lines.front());
      state.lines.pop_front();
    }
    const bool ok = WriteAll(state.fd, line);
    {
      const MutexLock lock(state.mu);
      state.bytes -= line.size();
      ++state.count_done;
      if (!ok) ++state.count_failed;
    }
    state.written.notify_all();
  }
}

}  // namespace cascade::server
