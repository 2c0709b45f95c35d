// SPDX-License-Identifier: Apache-2.0
// Threads that hand accepted connections to the transport.
#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <thread>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/time/time.h"
#include "server/engine/mutex.h"
#include "server/listener/file_descriptor.h"

namespace cascade::server {

// gRPC begins to read from a connection in the call that hands it over, and goes on in that call
// for as long as more bytes are there: a client that sends without a pause keeps the thread.
// Therefore each thread here has a way of its own to hand over, and a client that keeps one for
// long loses its connection if others wait for it.
class HandOverThreads {
 public:
  // Takes over a connection that does not block. Does not throw.
  using HandOver = std::function<void(FileDescriptor connection)>;

  // One thread for each of `ways`, of which there is at least one; a thread starts when it is
  // needed. No way is used by two threads.
  explicit HandOverThreads(std::vector<HandOver> ways);

  // Stop.
  ~HandOverThreads();

  // Has the connection handed over, after those that were added before. Nothing happens after Stop.
  void Add(FileDescriptor connection);

  // If connections wait and every thread is kept: starts another thread, or, if there is none,
  // resets the connection that has kept its thread for longest, if that is longer than a second.
  // Returns when it wants to be called again: InfiniteDuration if nothing waits. `now` is the time
  // of a clock that only runs forward. For one thread.
  absl::Duration Attend(absl::Duration now);

  // Closes connections that wait, resets those that are being handed over, and ends the threads.
  // Idempotent; not to be called by two threads at once.
  void Stop();

 private:
  // A thread and what it does.
  struct Lane {
    HandOver hand_over;
    std::thread thread;
    bool busy = false;
    FileDescriptor duplicate;  // of the connection that is being handed over
    absl::Duration seen_first = absl::InfiniteDuration();  // when Attend first saw that connection
  };

  // Ends the connection that keeps the thread of `lane`.
  static void Reset(Lane& lane);

  // Starts the thread of the first lane without one. False if there is none, or no thread.
  bool StartOne() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);

  // Hands over until Stop.
  void Run(Lane& lane);

  Mutex mu_;
  std::condition_variable_any changed_;  // waiting_ or stopped_
  std::deque<FileDescriptor> waiting_ ABSL_GUARDED_BY(mu_);
  std::vector<Lane> lanes_ ABSL_GUARDED_BY(mu_);  // their number does not change
  bool stopped_ ABSL_GUARDED_BY(mu_) = false;
};

}  // namespace cascade::server
