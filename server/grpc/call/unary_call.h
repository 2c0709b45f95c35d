// SPDX-License-Identifier: Apache-2.0
// An RPC that answers with all that its generations have produced, in one message.
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
#include "server/grpc/status.h"

namespace cascade::server {

// A unary call over a batch of 1..n generations. GenerationCall has lifetime and threads. It sends
// nothing before every generation has ended, so none is ever stalled. A dialect brings an encoder,
// one for each generation:
//
//   struct Encoder {
//     using Response = ...;
//     // Adds `answer`, which has finished, to `response`. May throw std::bad_alloc.
//     void Append(Answer& answer, Response& response);
//   };
//
// Answers are appended in the order in which the generations were added. If one fails, the call
// ends with its status and no response.
template <typename Encoder, typename Reactor = grpc::ServerUnaryReactor>
class UnaryCall final : public Reactor, public GenerationCall {
 public:
  using Response = typename Encoder::Response;

  // Borrows `response` too, which is gRPC's and lives until OnDone.
  UnaryCall(const MethodName& method, Response& response, grpc::CallbackServerContext& context,
            const CallEnvironment& environment)
      : GenerationCall(method, mu_, context, environment, kUnlimited, Fate::kShared),
        response_(response) {}

  // One more generation, whose request the worker is to be given with this sink. Before Accept.
  Generation& Add(Answer answer, Admission::Permit open, Encoder encoder) ABSL_LOCKS_EXCLUDED(mu_) {
    const MutexLock lock(mu_);
    AssertLocked();
    encoders_.reserve(encoders_.size() + 1);  // may throw, and then nothing was added
    Generation& generation = AddGeneration(std::move(answer), std::move(open));
    encoders_.push_back(std::move(encoder));
    return generation;
  }

  // Call it once, in the service's method, after the worker was given all requests. There are no
  // headers before the answer: the client would gain nothing, and until then gRPC may retry the
  // call elsewhere.
  void Accept() { Send(); }

  // Instead of Accept, if there is no generation: ends the call with `status`.
  void Refuse(absl::Status status) noexcept ABSL_LOCKS_EXCLUDED(mu_) {
    {
      const MutexLock lock(mu_);
      AssertLocked();
      ExtendGrace();
    }
    End(std::move(status));
  }

  void OnCancel() override { CancelByClient(); }

  void OnDone() override {
    TellEnd(status_);
    delete this;
  }

 private:
  // Outbox::Sender.
  void Send() noexcept override ABSL_LOCKS_EXCLUDED(mu_) {
    absl::Status status;
    Due due;
    bool is_over = false;
    {
      const MutexLock lock(mu_);
      AssertLocked();
      Release();
      due = TakeDue();
      is_over = ended();
      if (is_over) status = Encode();  // which fills in the response
    }
    if (is_over) {
      End(std::move(status));
    } else {
      SubmitDue(environment(), std::move(due));  // after which `this` may be gone, too
    }
  }

  // The last thing that a function does: `this` may be gone afterwards.
  void End(absl::Status status) noexcept ABSL_LOCKS_EXCLUDED(mu_) {
    status_ = std::move(status);
    AdviseRetry(status_);
    this->Finish(ToGrpcStatus(status_));
  }

  bool CanSend() const override ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) {
    AssertLocked();
    return ended();
  }

  absl::Status Encode() noexcept ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) {
    AssertLocked();
    if (!failure().ok()) return failure();
    try {
      for (std::size_t i = 0; i < encoders_.size(); ++i) encoders_[i].Append(answer(i), response_);
    } catch (const std::bad_alloc&) {
      return StatusOrItsCode(absl::StatusCode::kResourceExhausted,
                             "memory ran out while the answer was sent");
    }
    return absl::OkStatus();
  }

  Mutex mu_;
  std::vector<Encoder> encoders_;  // of the generations, in their order
  Response& response_;
  absl::Status status_;  // written once, before Finish
};

}  // namespace cascade::server
