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

    // CancelOverdue cancels the call if it is still open after `deadline`. The last deadline
    // counts. Takes no lock.
    void MustEndBy(absl::Time deadline) { must_end_by_.store(absl::ToUnixNanos(deadline)); }

   private:
    friend class OpenCalls;

    OpenCalls& calls_;
    grpc_call* const call_;
    std::atomic<std::int64_t> must_end_by_ = std::numeric_limits<std::int64_t>::max();
  };

  // Cancels each call whose deadline has passed, once.
  void CancelOverdue(absl::Time now) ABSL_LOCKS_EXCLUDED(mu_);

  // Returns when there is none, or at `deadline`.
  void WaitUntilNone(absl::Time deadline) ABSL_LOCKS_EXCLUDED(mu_);

 private:
  Mutex mu_;
  std::condition_variable_any changed_;
  std::set<Ticket*> open_ ABSL_GUARDED_BY(mu_);
};

}  // namespace cascade::server
