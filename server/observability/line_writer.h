// SPDX-License-Identifier: Apache-2.0
// A bounded queue of lines, and the thread that writes them to a file descriptor.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <thread>

namespace cascade::server {

// Writes lines in the order in which they were pushed. Nobody but the writer's own thread ever
// waits for the descriptor: if it takes no more (the pipe's reader has stopped), the queue fills up
// and then refuses lines. All functions may be called from any thread.
class LineWriter {
 public:
  // What may wait, the line that is being written included.
  struct Bounds {
    std::size_t lines = 8192;
    std::size_t bytes = 1 << 20;
  };

  // `fd` is borrowed until the destructor returns; if the destructor gave up waiting, until the
  // process ends. The thread blocks every signal.
  LineWriter(int fd, const Bounds& bounds);

  // Flushes. If that fails, drops what waits and leaves the thread to the end of the process, which
  // a blocked write does not delay.
  ~LineWriter();
  LineWriter(const LineWriter&) = delete;
  LineWriter& operator=(const LineWriter&) = delete;

  // Queues `line`, which ends with a newline. False if it does not fit: the line is dropped.
  bool TryPush(std::string line);

  // Waits until every line that was pushed before the call has been written, for a second at most.
  // False if the time did not suffice.
  bool Flush();

  // How many lines could not be written (the reader has gone, the disk is full) since the last
  // call.
  std::uint64_t TakeFailed();

 private:
  struct State;

  static void Run(State& state);

  const std::shared_ptr<State> state_;  // shared with the thread, which may outlive this object
  std::thread thread_;
};

}  // namespace cascade::server
