// SPDX-License-Identifier: Apache-2.0
// An RPC whose client sends requests as it likes, and is streamed what each of them produces.
#pragma once

#include <cstddef>
#include <functional>
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

// A bidirectional stream with any number of generations, up to `max_generations` of them in flight
// (GenerationStream says what an encoder is). Requests are read one after the other; while that
// many generations are in flight none is read, so HTTP/2's flow control holds the client back.
//
// A generation that fails, or is refused, concerns itself alone: its encoder's last event says so,
// and must come for every outcome. The call ends with OK when the client has said that no more
// requests come and the last event is sent; with the handler's status if that is an error; with
// UNAVAILABLE if the server shuts down while nothing is in flight.
//
// Lifetime. It finishes only while no read is in flight and no request in the handler's hand; gRPC
// ends a read when the client is gone. Memory that runs out for an event leaves the read in flight:
// OpenCalls then cancels the call.
template <typename Encoder, typename Request,
          typename Reactor = grpc::ServerBidiReactor<Request, typename Encoder::Event>>
class DuplexStream final : public GenerationStream<Encoder, Reactor> {
  using Base = GenerationStream<Encoder, Reactor>;
  using Next = typename Base::Next;

 public:
  // Takes one request up: calls Add for each generation that it is to have and gives it to the
  // worker. One that is refused is added too, and then failed (Generation::OnFailed). An error ends
  // the call: what could not be told by an event. Runs on gRPC's threads, never twice at once; must
  // not throw.
  using Handler = std::function<absl::Status(DuplexStream&, Request&)>;

  DuplexStream(const MethodName& method, std::size_t max_generations, Handler handler,
               grpc::CallbackServerContext& context, const CallEnvironment& environment)
      : Base(method, context, environment, Base::Fate::kOwn),
        max_generations_(max_generations),
        handler_(std::move(handler)) {}

  // Call it once, in the service's method: sends headers and reads the first request.
  void Accept() ABSL_LOCKS_EXCLUDED(this->mu_) {
    {
      const MutexLock lock(this->mu_);
      this->AssertLocked();
      this->Release();
      this->ticket().IsIdle();
    }
    this->StartSendInitialMetadata();
    this->StartRead(&request_);
  }

  // One more generation, whose request the worker is to be given with this sink. For the handler.
  Generation& Add(Answer answer, Admission::Permit open, Encoder encoder)
      ABSL_LOCKS_EXCLUDED(this->mu_) {
    return this->AddWithEncoder(std::move(answer), std::move(open), std::move(encoder));
  }

  // `ok` is false when the client has said that no more requests come, or is gone.
  void OnReadDone(bool ok) override ABSL_LOCKS_EXCLUDED(this->mu_) {
    absl::Status handled = ok ? handler_(*this, request_) : absl::OkStatus();
    bool read = false;
    Next next = Next::kNothing;
    {
      const MutexLock lock(this->mu_);
      reading_ = false;
      reads_over_ = !ok;
      if (!handled.ok()) this->Abandon(std::move(handled));
      read = TakeRead();
      if (!read) next = this->Decide();
    }
    if (read) {
      this->StartRead(&request_);
    } else {
      this->Do(next);
    }
  }

  void OnWriteDone(bool ok) override ABSL_LOCKS_EXCLUDED(this->mu_) {
    bool read = false;
    {
      const MutexLock lock(this->mu_);
      read = ok && TakeRead();
    }
    if (read) this->StartRead(&request_);  // while the write counts as in flight nobody finishes
    Base::OnWriteDone(ok);
  }

 private:
  // True if the caller is to start a read.
  bool TakeRead() ABSL_EXCLUSIVE_LOCKS_REQUIRED(this->mu_) {
    this->AssertLocked();
    if (reading_ || !MoreMayCome() || this->generations() >= max_generations_) return false;
    reading_ = true;
    return true;
  }

  bool MoreMayCome() const override ABSL_EXCLUSIVE_LOCKS_REQUIRED(this->mu_) {
    return reading_ || !(reads_over_ || this->broken());
  }

  Next TakeNext(typename Encoder::Event& event, absl::Status& status) noexcept override
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(this->mu_) {
    this->AssertLocked();
    const Next next = Base::TakeNext(event, status);
    const bool waits_for_client = next == Next::kNothing && this->released() && this->ended();
    if (waits_for_client && this->broken()) this->ticket().MustEndWithin(absl::ZeroDuration());
    if (waits_for_client && !this->broken()) this->ticket().IsIdle();
    return next;
  }

  const std::size_t max_generations_;
  Handler handler_;
  Request request_;                                     // gRPC's, or the handler's, while reading_
  bool reading_ ABSL_GUARDED_BY(this->mu_) = true;      // from before StartRead until it is handled
  bool reads_over_ ABSL_GUARDED_BY(this->mu_) = false;  // no more requests come
};

}  // namespace cascade::server
