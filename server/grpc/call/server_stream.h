// SPDX-License-Identifier: Apache-2.0
// An RPC with one request that streams what its generations produce.
#pragma once

#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "grpcpp/server_context.h"
#include "grpcpp/support/server_callback.h"
#include "server/engine/admission.h"
#include "server/engine/mutex.h"
#include "server/grpc/call/answer.h"
#include "server/grpc/call/call_environment.h"
#include "server/grpc/call/generation_stream.h"

namespace cascade::server {

// A server stream of a dialect's events (GenerationStream says what an encoder is). It ends with
// OK, together with the last event, when all encoders are complete. If a generation fails, what was
// generated is still sent, then its status.
template <typename Encoder, typename Reactor = grpc::ServerWriteReactor<typename Encoder::Event>>
class ServerStream final : public GenerationStream<Encoder, Reactor> {
  using Base = GenerationStream<Encoder, Reactor>;

 public:
  ServerStream(const MethodName& method, grpc::CallbackServerContext& context,
               const CallEnvironment& environment)
      : Base(method, context, environment, Base::Fate::kShared) {}

  // One more generation, whose request the worker is to be given with this sink. Before Accept.
  Generation& Add(Answer answer, Admission::Permit open, Encoder encoder)
      ABSL_LOCKS_EXCLUDED(this->mu_) {
    return this->AddWithEncoder(std::move(answer), std::move(open), std::move(encoder));
  }

  // Call it once, in the service's method, after the worker was given all requests. Nothing is sent
  // before: then headers, so that the client knows that it was accepted, and what there is. A
  // refusal has no headers, so that gRPC clients may retry it elsewhere.
  void Accept() ABSL_LOCKS_EXCLUDED(this->mu_) {
    bool refused = false;
    {
      const MutexLock lock(this->mu_);
      this->AssertLocked();
      refused = this->ended() && !this->failure().ok();
    }
    if (!refused) this->StartSendInitialMetadata();
    this->Send();
  }

  // Instead of Accept, if there is no generation: ends the call with `status`, and no headers.
  void Refuse(absl::Status status) noexcept ABSL_LOCKS_EXCLUDED(this->mu_) {
    {
      const MutexLock lock(this->mu_);
      this->AssertLocked();
      this->ExtendGrace();
      this->Abandon(std::move(status));
    }
    this->Send();
  }
};

}  // namespace cascade::server
