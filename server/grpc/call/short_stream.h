// SPDX-License-Identifier: Apache-2.0
// A server stream that is answered without the worker.
#pragma once

#include <optional>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "grpcpp/server_context.h"
#include "server/engine/mutex.h"
#include "server/grpc/call/call_environment.h"
#include "server/grpc/call/call_memory.h"
#include "server/grpc/call/call_observer.h"
#include "server/grpc/call/correlation.h"
#include "server/grpc/call/open_calls.h"
#include "server/grpc/call/write_loop.h"
#include "server/grpc/status.h"

namespace cascade::server {

// What ShortCall is to a unary call. A derived class says what comes next. Holds its share of the
// memory until it is over. While a message is in flight the client has `stalled_reader_limit` to
// take it. Create it with `new`; it destroys itself in OnDone.
template <typename Event>
class ShortStream : public WriteLoop<Event> {
 public:
  // Borrows `context`, which is gRPC's, and `environment`.
  ShortStream(const MethodName& method, grpc::CallbackServerContext& context,
              const CallEnvironment& environment)
      : begun_(method),
        context_(context),
        environment_(environment),
        ticket_(environment.calls, &context) {}

  // What the stream holds until it is over.
  CallMemory::Share& memory() { return memory_; }

  // One of the two, once; the stream may be gone afterwards. Accept sends headers and then what
  // there is; Refuse ends it with `status`, and no headers.
  void Accept() ABSL_LOCKS_EXCLUDED(this->mu_) {
    this->StartSendInitialMetadata();
    {
      const MutexLock lock(this->mu_);
      begins_with_ = absl::OkStatus();
    }
    this->Advance();
  }
  void Refuse(absl::Status status) noexcept ABSL_LOCKS_EXCLUDED(this->mu_) {
    {
      const MutexLock lock(this->mu_);
      begins_with_ = std::move(status);
    }
    this->Advance();
  }

  void OnDone() override {
    environment_.observer.OnCallEnd(
        {.call = begun_, .correlation = CorrelationOf(context_), .status = this->status()});
    Destroy();
  }

 protected:
  using Next = typename WriteLoop<Event>::Next;

  // As WriteLoop::TakeNext; only of a stream that was accepted, and whose client is there.
  virtual Next TakeMessage(Event& event, absl::Status& status) noexcept
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(this->mu_) = 0;

  // The last thing that happens to it.
  virtual void Destroy() noexcept { delete this; }

 private:
  Next TakeNext(Event& event, absl::Status& status) noexcept final
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(this->mu_) {
    if (!begins_with_) return Next::kNothing;
    Next next = Next::kFinish;
    if (!begins_with_->ok()) {
      status = *begins_with_;
    } else if (this->broken()) {
      status = StatusOrItsCode(absl::StatusCode::kCancelled, "the client went away");
    } else {
      next = TakeMessage(event, status);
    }
    if (next == Next::kNothing) {
      ticket_.IsIdle();  // it waits for something to tell: shutdown need not
    } else {
      ticket_.MustEndWithin(environment_.stalled_reader_limit);
    }
    return next;
  }

  void BeforeFinish(absl::Status& status) noexcept override {
    if (absl::IsResourceExhausted(status)) AddRetryDelay(environment_, context_, status);
  }

  const BegunCall begun_;
  grpc::CallbackServerContext& context_;
  const CallEnvironment& environment_;
  CallMemory::Share memory_;
  OpenCalls::Ticket ticket_;
  std::optional<absl::Status> begins_with_ ABSL_GUARDED_BY(this->mu_);
};

}  // namespace cascade::server
