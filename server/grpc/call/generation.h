// SPDX-License-Identifier: Apache-2.0
// One request at the worker, on behalf of an RPC.
#pragma once

#include <atomic>
#include <cstddef>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/time/time.h"
#include "model/generation/decoding_step.h"
#include "model/mat_view.h"
#include "server/engine/admission.h"
#include "server/engine/clock.h"
#include "server/engine/mutex.h"
#include "server/engine/token_sink.h"
#include "server/grpc/call/answer.h"
#include "server/grpc/call/generation_index.h"

namespace cascade::server {

class GenerationCall;
class Worker;

// Gathers what the worker makes of one request. Belongs to a GenerationCall, which may have several
// and sends what they gather; the call's lock guards the answers of all of them.
//
// Lifetime. The call deletes its generations together with itself. It cannot end before the
// worker's last call to each of them, so the worker may use a generation until that call returns;
// End says how the last call itself stays safe.
//
// Threads. The worker's thread calls the TokenSink half, except that Worker::Submit may call
// OnFailed on the thread that submits. The functions that require the lock belong to the call.
class Generation final : public TokenSink {
 public:
  // Borrows `call`, `mu`, which is the call's lock, and `index`. `open` is the generation's place
  // among those whose answers are unread. A client that leaves more than `max_unsent` unread stalls
  // the generation.
  Generation(GenerationCall& call, Mutex& mu, GenerationIndex& index, Answer answer,
             Admission::Permit open, const Backlog& max_unsent);

  void OnStarted(std::size_t cached_tokens) override ABSL_LOCKS_EXCLUDED(mu_);
  void OnPrompt(std::vector<model::GeneratedToken> tokens) override ABSL_LOCKS_EXCLUDED(mu_);
  void OnHidden(model::ConstMatF rows) override ABSL_LOCKS_EXCLUDED(mu_);
  void OnStep(std::size_t choice, model::DecodingStep step) override ABSL_LOCKS_EXCLUDED(mu_);
  void OnFinished(const RunStats& stats) override ABSL_LOCKS_EXCLUDED(mu_);
  void OnFailed(absl::Status status) override ABSL_LOCKS_EXCLUDED(mu_);
  bool IsCancelled() const override { return cancelled_.load(std::memory_order_relaxed); }
  bool IsStalled() const override { return stalled_.load(std::memory_order_relaxed); }

  // Any thread, without the lock. The worker ends the generation with CANCELLED.
  void Cancel() { cancelled_.store(true, std::memory_order_relaxed); }

  Answer& answer() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) { return answer_; }
  const Answer& answer() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) { return answer_; }

  // When it was created, to be given to the worker. MonotonicNow.
  absl::Time submitted() const { return submitted_; }

  // Looks whether the client is too far behind; it never is while `can_send`. True if the
  // generation was stalled and no longer is: then the worker must be woken.
  bool UpdateStall(bool can_send) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);

  // Tells Clang's analysis that the lock that is held is this generation's: the call's own.
  void AssertLocked() const ABSL_ASSERT_EXCLUSIVE_LOCK(mu_) {}

 private:
  // The worker's last call. `stats` is set exactly if the request finished; then `status` is OK.
  void End(absl::Status status, const RunStats* stats) ABSL_LOCKS_EXCLUDED(mu_);

  GenerationCall& call_;
  Mutex& mu_;
  const Admission::Permit open_;
  const Backlog max_unsent_;
  const absl::Time submitted_ = MonotonicNow();
  std::atomic<bool> cancelled_ = false;
  std::atomic<bool> stalled_ = false;
  Answer answer_ ABSL_GUARDED_BY(mu_);
  const GenerationIndex::Entry entry_;  // borrows answer_'s names and cancelled_
};

// Hands `request` to the worker. What Submit throws, for want of memory, ends the request as a
// refusal does, through its sink: another generation of the same call may be running by then, so
// the caller could not simply drop the call.
void SubmitOrFail(Worker& worker, GenerationRequest request) noexcept;

}  // namespace cascade::server
