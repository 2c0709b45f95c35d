#pragma once

#include <atomic>
#include <utility>

#include "absl/status/status.h"
#include "cascade/v1/text_generation.pb.h"
#include "grpcpp/server_context.h"
#include "grpcpp/support/server_callback.h"
#include "server/engine/admission.h"
#include "server/engine/token_sink.h"
#include "server/grpc/answer.h"
#include "server/grpc/call_environment.h"
#include "server/grpc/open_calls.h"
#include "server/grpc/outbox.h"

namespace cascade::server {

// One Generate call: gathers the worker's steps and answers with all of them at once.
//
// Created by the service with `new`, deletes itself in OnDone. No lock: everything but `cancelled_`
// is the worker's until OnFinished or OnFailed, then the outbox's until Send calls Finish, then
// gRPC's. It is never stalled: nothing is sent before the end, and then the answer must be taken
// within `stalled_reader_limit`.
class GenerateUnaryReactor final : public grpc::ServerUnaryReactor,
                                   public TokenSink,
                                   private Outbox::Sender {
 public:
  // Borrows `context` and `response`, which are gRPC's and live until OnDone, and `environment`.
  GenerateUnaryReactor(Answer answer, Admission::Permit open, v1::GenerateResponse& response,
                       grpc::CallbackServerContext& context, const CallEnvironment& environment)
      : open_(std::move(open)),
        call_(environment.calls, &context),
        context_(context),
        environment_(environment),
        answer_(std::move(answer)),
        response_(response) {}

  // TokenSink; the worker's thread.
  void OnStarted(std::size_t cached_tokens) override { answer_.Start(cached_tokens); }
  void OnStep(std::size_t /*choice*/, model::DecodingStep step) override;
  void OnFinished(const Timings& timings) override;
  void OnFailed(absl::Status status) override;
  bool IsCancelled() const override { return cancelled_.load(std::memory_order_relaxed); }
  bool IsStalled() const override { return false; }

  // ServerUnaryReactor; gRPC's threads.
  void OnCancel() override { cancelled_.store(true, std::memory_order_relaxed); }
  void OnDone() override;

 private:
  // Outbox::Sender; the outbox's thread.
  void Send() noexcept override;

  const Admission::Permit open_;
  OpenCalls::Ticket call_;
  grpc::CallbackServerContext& context_;
  const CallEnvironment& environment_;
  Answer answer_;
  v1::GenerateResponse& response_;
  absl::Status status_;
  std::atomic<bool> cancelled_ = false;
};

}  // namespace cascade::server
