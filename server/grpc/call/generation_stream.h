// SPDX-License-Identifier: Apache-2.0
// What the RPCs have in common that stream what their generations produce.
#pragma once

#include <cstddef>
#include <new>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "grpcpp/server_context.h"
#include "server/engine/admission.h"
#include "server/engine/mutex.h"
#include "server/grpc/call/answer.h"
#include "server/grpc/call/call_environment.h"
#include "server/grpc/call/generation_call.h"
#include "server/grpc/call/write_loop.h"
#include "server/grpc/status.h"

namespace cascade::server {

// A stream of a dialect's events. GenerationCall has lifetime and threads, WriteLoop the flow. A
// dialect brings an encoder, one for each generation:
//
//   struct Encoder {
//     using Event = ...;
//     // Moves what is to be sent next of `answer` into `event`, which has what the last event
//     // held. False, with `event` as it was, if there is nothing to send now. May throw
//     // std::bad_alloc.
//     bool Encode(Answer& answer, Event& event);
//     // True once Encode has given the last event. Never before the answer has an outcome.
//     bool complete() const;
//   };
//
// Generations take turns, so that one that produces much does not keep the others' events back.
template <typename Encoder, typename Reactor>
class GenerationStream : public WriteLoop<typename Encoder::Event, Reactor>, public GenerationCall {
 public:
  using Event = typename Encoder::Event;

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
    TellEnd(this->status());
    delete this;
  }

 protected:
  using Next = typename WriteLoop<Event, Reactor>::Next;

  GenerationStream(const MethodName& method, grpc::CallbackServerContext& context,
                   const CallEnvironment& environment, Fate fate)
      : GenerationCall(method, this->mu_, context, environment, kMaxUnsent, fate) {}

  // One more generation; see AddGeneration.
  Generation& AddWithEncoder(Answer answer, Admission::Permit open, Encoder encoder)
      ABSL_LOCKS_EXCLUDED(this->mu_) {
    const MutexLock lock(this->mu_);
    AssertLocked();
    encoders_.reserve(encoders_.size() + 1);  // may throw, and then nothing was added
    Generation& generation = AddGeneration(std::move(answer), std::move(open));
    encoders_.push_back(std::move(encoder));
    ++incomplete_;
    return generation;
  }

  // Outbox::Sender.
  void Send() noexcept override ABSL_LOCKS_EXCLUDED(this->mu_) {
    const CallEnvironment& environment = this->environment();
    Next next = Next::kNothing;
    Due due;
    {
      const MutexLock lock(this->mu_);
      AssertLocked();
      Release();
      due = TakeDue();
      next = this->Decide();
    }
    // From here on `this` may be gone if there is nothing to do: the end of a write that is under
    // way may end the call. A write that was decided on keeps it alive, and so does what is handed
    // over.
    SubmitDue(environment, std::move(due));
    if (next != Next::kNothing) this->Do(next);
  }

  Next TakeNext(Event& event, absl::Status& status) noexcept override
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(this->mu_) {
    AssertLocked();
    if (!released()) return Next::kNothing;
    const bool goes_on = MoreMayCome();
    if (!this->broken() && TakeEvent(event)) {
      return incomplete_ == 0 && !goes_on ? Next::kWriteAndFinish : Next::kWrite;
    }
    if (!ended() || goes_on) return Next::kNothing;
    status = FinalStatus();
    return Next::kFinish;
  }

  // True if generations may still be added: then the call does not finish.
  virtual bool MoreMayCome() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(this->mu_) { return false; }

  // Ends the call with `error`: no further events, and the worker is to end what it has.
  void Abandon(absl::Status error) noexcept ABSL_EXCLUSIVE_LOCKS_REQUIRED(this->mu_) {
    AssertLocked();
    error_ = std::move(error);
    this->Break();
    CancelAll();
  }

 private:
  bool CanSend() const override ABSL_EXCLUSIVE_LOCKS_REQUIRED(this->mu_) {
    return !this->writing();
  }

  bool TakeEvent(Event& event) noexcept ABSL_EXCLUSIVE_LOCKS_REQUIRED(this->mu_) {
    AssertLocked();
    try {
      for (std::size_t i = 0; i < encoders_.size(); ++i) {
        const std::size_t index = (turn_ + i) % encoders_.size();
        if (!encoders_[index].Encode(answer(index), event)) continue;
        turn_ = index + 1;
        if (encoders_[index].complete()) EndGeneration(index);
        return true;
      }
    } catch (const std::bad_alloc&) {
      Abandon(StatusOrItsCode(absl::StatusCode::kResourceExhausted,
                              "memory ran out while the answer was sent"));
    }
    return false;
  }

  // The generation's last event has been taken.
  void EndGeneration(std::size_t index) noexcept ABSL_EXCLUSIVE_LOCKS_REQUIRED(this->mu_) {
    AssertLocked();
    --incomplete_;
    if (fate() == Fate::kShared) return;
    DropGeneration(index);
    encoders_.erase(encoders_.begin() + static_cast<std::ptrdiff_t>(index));
    turn_ = index;
  }

  absl::Status FinalStatus() const noexcept ABSL_EXCLUSIVE_LOCKS_REQUIRED(this->mu_) {
    AssertLocked();
    if (!error_.ok()) return error_;
    if (!this->broken() || !failure().ok()) return failure();
    return StatusOrItsCode(absl::StatusCode::kCancelled, "the client went away");
  }

  void BeforeFinish(absl::Status& status) noexcept override { AdviseRetry(status); }

  std::vector<Encoder> encoders_ ABSL_GUARDED_BY(this->mu_);  // of the generations, in their order
  std::size_t incomplete_ ABSL_GUARDED_BY(this->mu_) = 0;     // encoders
  std::size_t turn_ ABSL_GUARDED_BY(this->mu_) = 0;           // the next generation to be asked
  absl::Status error_ ABSL_GUARDED_BY(this->mu_);             // of Abandon
};

}  // namespace cascade::server
