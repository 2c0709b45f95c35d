// SPDX-License-Identifier: Apache-2.0
// The loop that hands the messages of one RPC to gRPC.
#pragma once

#include <cstdint>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "grpcpp/support/server_callback.h"
#include "server/engine/mutex.h"
#include "server/grpc/status.h"

namespace cascade::server {

// A reactor that writes a stream of `Event`s, one at a time, and then a status. A derived class
// says what comes next (TakeNext) and calls Advance when there may be something new; gRPC's
// OnWriteDone keeps the loop going. `Reactor` is gRPC's class for the kind of RPC.
//
// Flow. gRPC takes one write at a time and owns the message until OnWriteDone. What a derived class
// gathers meanwhile may leave as one message.
//
// Threads and lifetime. Any thread may call Advance. Each function decides under `mu_` what to do,
// lets go of the lock, and does it last (Do): once Finish is called, gRPC may call OnDone, which
// may delete the reactor, on another thread while the caller is still on its way out. At most one
// thread at a time gets something to do, since a write or an end that was decided on closes the
// loop to all others. For the same reason `mu_` is never held across a call into gRPC.
template <typename Event, typename Reactor = grpc::ServerWriteReactor<Event>>
class WriteLoop : public Reactor {
 public:
  // gRPC's threads. Neither waits.
  void OnWriteDone(bool ok) override ABSL_LOCKS_EXCLUDED(mu_) {
    Next next = Next::kNothing;
    {
      const MutexLock lock(mu_);
      EndWrite(ok);
      next = Decide();
    }
    Do(next);
  }

  void OnCancel() override ABSL_LOCKS_EXCLUDED(mu_) {
    Next next = Next::kNothing;
    {
      const MutexLock lock(mu_);
      broken_ = true;
      next = Decide();
    }
    Do(next);
  }

 protected:
  enum class Next : std::uint8_t {
    kNothing,         // until the next Advance or OnWriteDone
    kWrite,           // the event
    kWriteAndFinish,  // the event, and OK with it
    kFinish,          // the status
  };

  // Says what comes next, and fills in the event or the status that goes with it. The event has
  // what the last one held, so that its memory is used again. Called only while no write is in
  // flight; not called again after kWriteAndFinish or kFinish. Must write nothing if broken().
  virtual Next TakeNext(Event& event, absl::Status& status) noexcept
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) = 0;

  // Called before the status is sent, without the lock: to add details and trailers.
  virtual void BeforeFinish(absl::Status& /*status*/) noexcept {}

  // Starts what there is to do, if anything. The reactor may be gone afterwards.
  void Advance() ABSL_LOCKS_EXCLUDED(mu_) {
    Next next = Next::kNothing;
    {
      const MutexLock lock(mu_);
      next = Decide();
    }
    Do(next);
  }

  // The parts of the functions above, for derived classes that decide more under the same lock.
  Next Decide() noexcept ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) {
    if (writing_ || finishing_) return Next::kNothing;
    const Next next = TakeNext(event_, status_);
    writing_ = next == Next::kWrite;
    finishing_ = next == Next::kWriteAndFinish || next == Next::kFinish;
    return next;
  }

  // The last thing that any function does.
  void Do(Next next) ABSL_LOCKS_EXCLUDED(mu_) {
    switch (next) {
      case Next::kNothing:
        return;
      case Next::kWrite:
        this->StartWrite(&event_);
        return;
      case Next::kWriteAndFinish:
        this->StartWriteAndFinish(&event_, grpc::WriteOptions(), grpc::Status::OK);
        return;
      case Next::kFinish:
        BeforeFinish(status_);
        this->Finish(ToGrpcStatus(status_));
        return;
    }
  }

  void EndWrite(bool ok) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) {
    writing_ = false;
    if (!ok) broken_ = true;
  }

  // The stream takes no more messages: its client is gone, or Break was called.
  bool broken() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) { return broken_; }
  void Break() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) { broken_ = true; }

  // A message is in flight: OnWriteDone will come.
  bool writing() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) { return writing_; }

  // How the call ended. For OnDone: nobody else uses the reactor by then.
  const absl::Status& status() const { return status_; }

  Mutex mu_;

 private:
  Event event_;          // gRPC's while `writing_`
  absl::Status status_;  // written once, with kFinish
  bool writing_ ABSL_GUARDED_BY(mu_) = false;
  bool finishing_ ABSL_GUARDED_BY(mu_) = false;
  bool broken_ ABSL_GUARDED_BY(mu_) = false;
};

}  // namespace cascade::server
