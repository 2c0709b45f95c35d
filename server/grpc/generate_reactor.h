#pragma once

#include <atomic>
#include <cstdint>
#include <optional>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "cascade/v1/text_generation.pb.h"
#include "grpcpp/support/server_callback.h"
#include "server/engine/mutex.h"
#include "server/engine/token_sink.h"
#include "server/grpc/answer.h"
#include "server/grpc/open_calls.h"
#include "server/grpc/outbox.h"

namespace cascade::server {

// One GenerateStream call: turns the worker's steps into stream events.
//
// Lifetime. Created by the service with `new`, deletes itself in OnDone. gRPC calls OnDone only
// after Finish; only the worker's last call, OnFinished or OnFailed, leads to Finish, and not while
// the outbox has this object. So both may use it up to the moment at which they let go.
//
// Threads. The worker calls the TokenSink half, the outbox Send, and gRPC's threads the reactor
// half, possibly at once. `mu_` guards what they share and is never held across a call into gRPC:
// once Finish is called, OnDone may delete this object on another thread while the caller is still
// on its way out.
//
// Flow. gRPC takes one write at a time and owns the message until OnWriteDone. What the worker adds
// meanwhile leaves as one message. The context's length bounds it, so a slow reader costs memory
// that is bounded and nobody's time.
class GenerateReactor final : public grpc::ServerWriteReactor<v1::GenerateEvent>,
                              public TokenSink,
                              private Outbox::Sender {
 public:
  // Borrows all but `answer`.
  GenerateReactor(Answer answer, Outbox& outbox, OpenCalls& calls)
      : call_(calls), outbox_(outbox), answer_(std::move(answer)) {}

  // Sends the prompt event. Call it once, before the worker has the request.
  void Begin() ABSL_LOCKS_EXCLUDED(mu_);

  // TokenSink; the worker's thread.
  void OnStarted(std::size_t /*cached_tokens*/) override {}
  void OnStep(model::DecodingStep step) override ABSL_LOCKS_EXCLUDED(mu_);
  void OnFinished(const Timings& timings) override ABSL_LOCKS_EXCLUDED(mu_);
  void OnFailed(absl::Status status) override ABSL_LOCKS_EXCLUDED(mu_);
  bool IsCancelled() const override { return cancelled_.load(std::memory_order_relaxed); }
  bool IsStalled() const override { return false; }

  // ServerWriteReactor; gRPC's threads. None of these waits.
  void OnWriteDone(bool ok) override ABSL_LOCKS_EXCLUDED(mu_);
  void OnCancel() override { cancelled_.store(true, std::memory_order_relaxed); }
  void OnDone() override;

 private:
  enum class Action : std::uint8_t { kNone, kWrite, kWriteAndFinish, kFinish };

  // Outbox::Sender; the outbox's thread.
  void Send() override ABSL_LOCKS_EXCLUDED(mu_);

  // Whether the caller must post this object, now that there is something new.
  bool MustPost() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);

  // What to do now. At most one caller at a time gets anything but kNone.
  Action NextAction() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);

  // Does it: the last thing that any method does, since `this` may be gone afterwards.
  void Do(Action action) ABSL_LOCKS_EXCLUDED(mu_);

  const OpenCalls::Ticket call_;
  Outbox& outbox_;
  std::atomic<bool> cancelled_ = false;
  v1::GenerateEvent in_flight_;  // gRPC's while `writing_`
  absl::Status final_status_;    // written once, before the action that ends the stream

  Mutex mu_;
  bool posted_ ABSL_GUARDED_BY(mu_) = false;   // the outbox has it, and it alone acts
  bool writing_ ABSL_GUARDED_BY(mu_) = false;  // OnWriteDone will come, and act
  bool finishing_ ABSL_GUARDED_BY(mu_) = false;
  bool broken_ ABSL_GUARDED_BY(mu_) = false;  // the stream takes no more messages
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
