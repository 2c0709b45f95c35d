// SPDX-License-Identifier: Apache-2.0
// The thread that starts writes, so that the worker's thread need not.
#pragma once

#include <condition_variable>
#include <thread>

#include "absl/base/thread_annotations.h"
#include "server/engine/mutex.h"

namespace cascade::server {

// Hands messages to gRPC on a thread of its own. Starting a write costs 10 to 100 microseconds of
// system calls and of waking other threads, for each stream and each token; on the worker's thread
// the whole batch would wait for it (tests/bench/transport_bench.cc).
class Outbox {
 public:
  // An object that has messages to send. The outbox holds it from Post until it calls Send: nobody
  // may delete it in between.
  class Sender {
   public:
    virtual void Send() noexcept = 0;

   protected:
    ~Sender() = default;

   private:
    friend class Outbox;
    Sender* next_ = nullptr;
  };

  Outbox();

  // Ends the thread. REQUIRES: nothing is posted any more.
  ~Outbox();

  // Has the outbox's thread call `sender.Send()` once, soon. Any thread; neither waits nor
  // allocates. REQUIRES: the outbox does not hold `sender` already.
  void Post(Sender& sender) ABSL_LOCKS_EXCLUDED(mu_);

 private:
  void Run() ABSL_LOCKS_EXCLUDED(mu_);

  // Waits until something is posted and takes all of it, in the order of the posts. Null at the
  // end.
  Sender* TakeAll() ABSL_LOCKS_EXCLUDED(mu_);

  Mutex mu_;
  std::condition_variable_any changed_;
  Sender* first_ ABSL_GUARDED_BY(mu_) = nullptr;
  Sender* last_ ABSL_GUARDED_BY(mu_) = nullptr;
  bool ending_ ABSL_GUARDED_BY(mu_) = false;
  std::thread thread_;  // last: it uses the members above
};

}  // namespace cascade::server
