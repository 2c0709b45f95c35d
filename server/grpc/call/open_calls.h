// SPDX-License-Identifier: Apache-2.0
// The RPCs that are not over yet: what shutdown waits for.
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

// Counts the open calls, so that shutdown waits until their last messages have left and for nothing
// else (gRPC's own Shutdown also waits for idle connections to close, and a client that does not
// poll its connection does not close it). Cancels calls whose clients do not read the end of their
// answers, which gRPC would keep open without limit, and at shutdown calls that wait for their
// clients' next requests. Any thread.
class OpenCalls {
 public:
  // One call: a member of its reactor, so that it ends when gRPC has sent the call's status.
  class Ticket {
   public:
    // A call without a context is counted and never cancelled.
    explicit Ticket(OpenCalls& calls, grpc::CallbackServerContext* context = nullptr);
    Ticket(const Ticket&) = delete;
    Ticket& operator=(const Ticket&) = delete;
    ~Ticket();

    // The call must end within `time` from now, or Advance cancels it. A later call of this
    // function or of the next two replaces the limit. None of the three takes a lock.
    void MustEndWithin(absl::Duration time) { time_left_.store(absl::ToInt64Nanoseconds(time)); }

    // The call has work to do, which takes as long as it takes.
    void MayStayOpen() { time_left_.store(kNoLimit); }

    // The call waits for its client, who may leave it so until the process shuts down.
    void IsIdle() { time_left_.store(kIdle); }

   private:
    friend class OpenCalls;
    static constexpr std::int64_t kNoLimit = std::numeric_limits<std::int64_t>::max();
    static constexpr std::int64_t kIdle = kNoLimit - 1;

    // Takes `nanoseconds` off the time that is left. True if that used it up; true only once.
    bool Expire(std::int64_t nanoseconds);

    // True if the call is idle; true only once.
    bool ExpireIfIdle();

    OpenCalls& calls_;
    grpc_call* const call_;
    std::atomic<std::int64_t> time_left_ = kNoLimit;  // in nanoseconds, or kNoLimit, or kIdle
  };

  // Tells that `time` has passed since the last call of this function: ends each call that should
  // have ended by now with CANCELLED, once. After EndIdle also the idle calls, as EndIdle does.
  void Advance(absl::Duration time) ABSL_LOCKS_EXCLUDED(mu_);

  // Ends the calls that are idle with UNAVAILABLE. Those that become idle later are ended by the
  // next Advance.
  void EndIdle() ABSL_LOCKS_EXCLUDED(mu_);

  // Returns when no call is open, or after `at_most`.
  void WaitUntilNone(absl::Duration at_most) ABSL_LOCKS_EXCLUDED(mu_);

 private:
  Mutex mu_;
  std::condition_variable_any changed_;
  std::set<Ticket*> open_ ABSL_GUARDED_BY(mu_);
  bool ending_ ABSL_GUARDED_BY(mu_) = false;  // EndIdle was called
};

}  // namespace cascade::server
