#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "cascade/v1/text_generation.pb.h"
#include "grpcpp/server_context.h"
#include "grpcpp/support/server_callback.h"
#include "server/engine/admission.h"
#include "server/engine/mutex.h"
#include "server/engine/token_sink.h"
#include "server/grpc/answer.h"
#include "server/grpc/call_environment.h"
#include "server/grpc/open_calls.h"
#include "server/grpc/outbox.h"

namespace cascade::server {

// How much of an answer may wait for a client that does not take it. Beyond either the sequence
// pauses: what a slow reader costs is twice this, one message in flight and one gathering, beside
// what gRPC and the system buffer for it.
inline constexpr std::size_t kMaxUnsentTokens = 64;
inline constexpr std::size_t kMaxUnsentBytes = 64 << 10;

// One GenerateStream call: turns the worker's steps into stream events.
//
// Lifetime. Created by the service with `new`, deletes itself in OnDone. gRPC calls OnDone only
// after Finish, and not before the service's method has returned; only the worker's last call,
// OnFinished or OnFailed, leads to Finish, and not while the service or the outbox has this object.
// So all may use it up to the moment at which they let go.
//
// Threads. The worker calls the TokenSink half, the outbox Send, and gRPC's threads the reactor
// half, possibly at once. `mu_` guards what they share and is never held across a call into gRPC:
// once Finish is called, OnDone may delete this object on another thread while the caller is still
// on its way out.
//
// Flow. gRPC takes one write at a time and owns the message until OnWriteDone. What the worker adds
// meanwhile leaves as one message. When too much of it gathers the stream is stalled, and the
// worker leaves its sequence out until that message is taken. What is unread when the worker has
// said its last word must be taken within `stalled_reader_limit` of the last progress.
class GenerateReactor final : public grpc::ServerWriteReactor<v1::GenerateEvent>,
                              public TokenSink,
                              private Outbox::Sender {
 public:
  // Borrows `context`, which is gRPC's, and `environment`.
  GenerateReactor(Answer answer, Admission::Permit open, grpc::CallbackServerContext& context,
                  const CallEnvironment& environment)
      : open_(std::move(open)),
        call_(environment.calls, &context),
        context_(context),
        environment_(environment),
        answer_(std::move(answer)) {}

  // Nothing is sent before this: then headers, so that the client knows that it was accepted, and
  // what there is. A refusal leaves without headers, so that gRPC clients may retry it. Call it
  // once, in the service's method, after the worker was given the request.
  void Accept() ABSL_LOCKS_EXCLUDED(mu_);

  // TokenSink; the worker's thread.
  void OnStarted(std::size_t cached_tokens) override ABSL_LOCKS_EXCLUDED(mu_);
  void OnStep(std::size_t /*choice*/, model::DecodingStep step) override ABSL_LOCKS_EXCLUDED(mu_);
  void OnFinished(const Timings& timings) override ABSL_LOCKS_EXCLUDED(mu_);
  void OnFailed(absl::Status status) override ABSL_LOCKS_EXCLUDED(mu_);
  bool IsCancelled() const override { return cancelled_.load(std::memory_order_relaxed); }
  bool IsStalled() const override { return stalled_.load(std::memory_order_relaxed); }

  // ServerWriteReactor; gRPC's threads. None of these waits.
  void OnWriteDone(bool ok) override ABSL_LOCKS_EXCLUDED(mu_);
  void OnCancel() override;
  void OnDone() override;

 private:
  enum class Action : std::uint8_t { kNone, kWrite, kWriteAndFinish, kRefuse, kFinish };

  // Outbox::Sender; the outbox's thread.
  void Send() noexcept override ABSL_LOCKS_EXCLUDED(mu_);

  // Whether the caller must post this object, now that there is something new.
  bool MustPost() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);

  // The worker has said its last word: the client has this long to take what there is. With
  // `timings`, which are not kept, the answer is whole.
  void End(absl::Status outcome, absl::Duration grace, const Timings* timings)
      ABSL_LOCKS_EXCLUDED(mu_);

  // What to do now. At most one caller at a time gets anything but kNone.
  Action NextAction() noexcept ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);

  // Moves the next event into `in_flight_`, if there is one.
  bool TakeEvent() noexcept ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);

  // How the call ends. REQUIRES: outcome_ has a value.
  absl::Status FinalStatus() const noexcept ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);

  // Sees whether the stream is stalled. True if it was and is no longer: the worker must know.
  bool UpdateStall() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);

  // Does it: the last thing that any method does, since `this` may be gone afterwards.
  void Do(Action action) ABSL_LOCKS_EXCLUDED(mu_);

  const Admission::Permit open_;
  OpenCalls::Ticket call_;
  grpc::CallbackServerContext& context_;
  const CallEnvironment& environment_;
  std::atomic<bool> cancelled_ = false;
  std::atomic<bool> stalled_ = false;
  v1::GenerateEvent in_flight_;  // gRPC's while `writing_`
  absl::Status final_status_;    // written once, before the action that ends the stream

  Mutex mu_;
  bool posted_ ABSL_GUARDED_BY(mu_) = true;    // the service or the outbox has it, and alone acts
  bool writing_ ABSL_GUARDED_BY(mu_) = false;  // OnWriteDone will come, and act
  bool finishing_ ABSL_GUARDED_BY(mu_) = false;
  bool broken_ ABSL_GUARDED_BY(mu_) = false;     // the stream takes no more messages
  bool no_memory_ ABSL_GUARDED_BY(mu_) = false;  // for the next message: why it is broken
  Answer answer_ ABSL_GUARDED_BY(mu_);
  std::optional<absl::Status> outcome_ ABSL_GUARDED_BY(mu_);  // the worker's last word
};

// A GenerateStream call that never came to the worker: ends at once with `status`. Deletes itself.
class RefusedStream final : public grpc::ServerWriteReactor<v1::GenerateEvent> {
 public:
  explicit RefusedStream(const absl::Status& status);
  void OnDone() override { delete this; }
};

}  // namespace cascade::server
