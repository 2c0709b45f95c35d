#pragma once

#include <condition_variable>
#include <thread>

#include "absl/base/thread_annotations.h"
#include "server/engine/mutex.h"

namespace cascade::server {

// The thread that hands messages to gRPC, so that the worker need not: starting a write costs some
// 10 to 100 microseconds of system calls and of waking others, for each stream and each token, and
// the whole batch would wait for it (tests/bench/transport_bench.cc).
class Outbox {
 public:
  // Something that has messages to send. It belongs to the outbox from Post until Send is called.
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

  // Has `sender` send on the outbox's thread, soon and once. Any thread; neither waits nor
  // allocates. REQUIRES: it is not posted already.
  void Post(Sender& sender) ABSL_LOCKS_EXCLUDED(mu_);

 private:
  void Run() ABSL_LOCKS_EXCLUDED(mu_);

  // The posted ones, first come first, once there is one; null at the end.
  Sender* TakeAll() ABSL_LOCKS_EXCLUDED(mu_);

  Mutex mu_;
  std::condition_variable_any changed_;
  Sender* first_ ABSL_GUARDED_BY(mu_) = nullptr;
  Sender* last_ ABSL_GUARDED_BY(mu_) = nullptr;
  bool ending_ ABSL_GUARDED_BY(mu_) = false;
  std::thread thread_;  // last: the rest is there before it starts
};

}  // namespace cascade::server
