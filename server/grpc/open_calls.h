#pragma once

#include <condition_variable>
#include <cstddef>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/time/time.h"
#include "server/engine/mutex.h"

namespace cascade::server {

// Counts the calls that are not over, so that shutdown waits for their last messages to leave and
// for nothing else: gRPC's own Shutdown also waits for idle connections to close, and a client that
// nobody polls does not close them. Any thread.
class OpenCalls {
 public:
  // One call: a member of its reactor, which gRPC lets go when status and messages have left.
  // Move-only.
  class Ticket {
   public:
    explicit Ticket(OpenCalls& calls) : calls_(&calls) { calls.Enter(); }
    Ticket(Ticket&& other) noexcept : calls_(std::exchange(other.calls_, nullptr)) {}
    Ticket& operator=(Ticket&&) = delete;
    ~Ticket() {
      if (calls_ != nullptr) calls_->Leave();
    }

   private:
    OpenCalls* calls_;
  };

  // Returns when there is none, or at `deadline`.
  void WaitUntilNone(absl::Time deadline) ABSL_LOCKS_EXCLUDED(mu_);

 private:
  void Enter() ABSL_LOCKS_EXCLUDED(mu_);
  void Leave() ABSL_LOCKS_EXCLUDED(mu_);

  Mutex mu_;
  std::condition_variable_any changed_;
  std::size_t open_ ABSL_GUARDED_BY(mu_) = 0;
};

}  // namespace cascade::server
