// SPDX-License-Identifier: Apache-2.0
// An RPC that streams what its generations produce.
#pragma once

#include <cstddef>
#include <new>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "grpcpp/server_context.h"
#include "grpcpp/support/server_callback.h"
#include "server/engine/admission.h"
#include "server/engine/mutex.h"
#include "server/grpc/call/answer.h"
#include "server/grpc/call/call_environment.h"
#include "server/grpc/call/generation_call.h"
#include "server/grpc/call/write_loop.h"
#include "server/grpc/status.h"

namespace cascade::server {

// A server stream of a dialect's events. GenerationCall has lifetime and threads, WriteLoop the
// flow. A dialect brings an encoder, one for each generation:
//
//   struct Encoder {
//     using Event = ...;
//     // Moves what is to be sent next of `answer` into `event`, which has what the last event
//     held.
//     // False, with `event` as it was, if there is nothing to send now. May throw std::bad_alloc.
//     bool Encode(Answer& answer, Event& event);
//     // True once Encode has given the last event. Never before the answer has an outcome.
//     bool complete() const;
//   };
//
// Generations take turns, so that one that produces much does not keep the others' events back. The
// call ends with OK, together with the last event, when all encoders are complete. If a generation
// fails, what was generated is still sent, then its status.
template <typename Encoder, typename Reactor = grpc::ServerWriteReactor<typename Encoder::Event>>
class ServerStream final : public WriteLoop<typename Encoder::Event, Reactor>,
                           public GenerationCall {
 public:
  using Event = typename Encoder::Event;

  ServerStream(absl::string_view method, grpc::CallbackServerContext& context,
               const CallEnvironment& environment)
      : GenerationCall(method, this->mu_, context, environment, kMaxUnsent) {}

  // One more generation, whose request the worker is to be given with this sink. Before Accept.
  Generation& Add(Answer answer, Admission::Permit open, Encoder encoder)
      ABSL_LOCKS_EXCLUDED(this->mu_) {
    {
      const MutexLock lock(this->mu_);
      encoders_.push_back(std::move(encoder));
      ++incomplete_;
    }
    return AddGeneration(std::move(answer), std::move(open));
  }

  // Call it once, in the service's method, after the worker was given all requests. Nothing is sent
  // before: then headers, so that the client knows that it was accepted, and what there is. A
  // refusal has no headers, so that gRPC clients may retry it elsewhere.
  void Accept() ABSL_LOCKS_EXCLUDED(this->mu_) {
    bool refused = false;
    {
      const MutexLock lock(this->mu_);
      AssertLocked();
      refused = ended() && !failure().ok();
    }
    if (!refused) this->StartSendInitialMetadata();
    Send();
  }

  void OnWriteDone(bool ok) override ABSL_LOCKS_EXCLUDED(this->mu_) {
    Next next = Next::kNothing;
    bool must_wake = false;
    {
      const MutexLock lock(this->mu_);
      AssertLocked();
      this->EndWrite(ok);
      if (ok) {
        ExtendGrace();
      } else {
        CancelAll();  // nobody reads: the worker need not go on
      }
      next = this->Decide();
      must_wake = UpdateStalls();
    }
    if (must_wake) WakeWorker();
    this->Do(next);
  }

  void OnCancel() override { CancelByClient(); }

  void OnDone() override {
    LogEnd(this->status());
    delete this;
  }

 private:
  using Next = typename WriteLoop<Event, Reactor>::Next;

  // Outbox::Sender.
  void Send() noexcept override ABSL_LOCKS_EXCLUDED(this->mu_) {
    Next next = Next::kNothing;
    {
      const MutexLock lock(this->mu_);
      AssertLocked();
      Release();
      next = this->Decide();
    }
    this->Do(next);
  }

  bool CanSend() const override ABSL_EXCLUSIVE_LOCKS_REQUIRED(this->mu_) {
    return !this->writing();
  }

  Next TakeNext(Event& event, absl::Status& status) noexcept override
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(this->mu_) {
    AssertLocked();
    if (!released()) return Next::kNothing;
    if (!this->broken() && TakeEvent(event)) {
      return incomplete_ == 0 ? Next::kWriteAndFinish : Next::kWrite;
    }
    if (!ended()) return Next::kNothing;
    status = FinalStatus();
    return Next::kFinish;
  }

  bool TakeEvent(Event& event) noexcept ABSL_EXCLUSIVE_LOCKS_REQUIRED(this->mu_) {
    AssertLocked();
    try {
      for (std::size_t i = 0; i < encoders_.size(); ++i) {
        const std::size_t index = (turn_ + i) % encoders_.size();
        if (!encoders_[index].Encode(answer(index), event)) continue;
        if (encoders_[index].complete()) --incomplete_;
        turn_ = index + 1;
        return true;
      }
    } catch (const std::bad_alloc&) {
      no_memory_ = true;
      this->Break();
      CancelAll();
    }
    return false;
  }

  absl::Status FinalStatus() const noexcept ABSL_EXCLUSIVE_LOCKS_REQUIRED(this->mu_) {
    AssertLocked();
    if (no_memory_) {
      return StatusOrItsCode(absl::StatusCode::kResourceExhausted,
                             "memory ran out while the answer was sent");
    }
    if (!this->broken() || !failure().ok()) return failure();
    return StatusOrItsCode(absl::StatusCode::kCancelled, "the client went away");
  }

  void BeforeFinish(absl::Status& status) noexcept override { AdviseRetry(status); }

  std::vector<Encoder> encoders_ ABSL_GUARDED_BY(this->mu_);  // of the generations, in their order
  std::size_t incomplete_ ABSL_GUARDED_BY(this->mu_) = 0;     // encoders
  std::size_t turn_ ABSL_GUARDED_BY(this->mu_) = 0;           // the next generation to be asked
  bool no_memory_ ABSL_GUARDED_BY(this->mu_) = false;         // for an event
};

// A stream that is refused before it has a generation: ends at once with `status`. Deletes itself.
template <typename Event>
class RefusedStream final : public grpc::ServerWriteReactor<Event> {
 public:
  explicit RefusedStream(const absl::Status& status) { this->Finish(ToGrpcStatus(status)); }
  void OnDone() override { delete this; }
};

}  // namespace cascade::server
