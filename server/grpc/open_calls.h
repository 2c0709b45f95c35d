#pragma once

#include <atomic>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <set>

#include "absl/base/thread_annotations.h"
#include "absl/time/time.h"
#include "grpcpp/server_context.h"
#include "server/engine/mutex.h"

namespace cascade::server {

// The calls that are not over: so that shutdown waits for their last messages to leave and for
// nothing else (gRPC's own Shutdown also waits for idle connections to close, and a client that
// nobody polls does not close them), and so that an answer that nobody takes does not stay for
// ever. Any thread.
class OpenCalls {
 public:
  // One call: a member of its reactor, which gRPC lets go when status and messages have left.
  class Ticket {
   public:
    // Without a context the call is counted and never cancelled.
    explicit Ticket(OpenCalls& calls, grpc::CallbackServerContext* context = nullptr);
    Ticket(const Ticket&) = delete;
    Ticket& operator=(const Ticket&) = delete;
    ~Ticket();

    // From now on the call has this long to end, or Pass cancels it. The last word counts. Takes no
    // lock.
    void MustEndWithin(absl::Duration time) { time_left_.store(absl::ToInt64Nanoseconds(time)); }

   private:
    friend class OpenCalls;
    static constexpr std::int64_t kForever = std::numeric_limits<std::int64_t>::max();

    // True if there is none left now and there was before.
    bool Expire(std::int64_t nanoseconds);

    OpenCalls& calls_;
    grpc_call* const call_;
    std::atomic<std::int64_t> time_left_ = kForever;  // in nanoseconds
  };

  // Time has passed: cancels each call that should have ended, once.
  void Pass(absl::Duration time) ABSL_LOCKS_EXCLUDED(mu_);

  // Returns when there is none, or at `deadline`.
  void WaitUntilNone(absl::Time deadline) ABSL_LOCKS_EXCLUDED(mu_);

 private:
  Mutex mu_;
  std::condition_variable_any changed_;
  std::set<Ticket*> open_ ABSL_GUARDED_BY(mu_);
};

}  // namespace cascade::server
