// SPDX-License-Identifier: Apache-2.0

#include "server/grpc/call/generation_call.h"

#include <utility>

#include "server/engine/clock.h"
#include "server/grpc/call/correlation.h"

namespace cascade::server {
namespace {

// How long a client has that was ended with ABORTED because it did not read: long enough to read
// the status.
constexpr absl::Duration kAbortedReaderGrace = absl::Seconds(5);

}  // namespace

GenerationCall::GenerationCall(const MethodName& method, Mutex& mu,
                               grpc::CallbackServerContext& context,
                               const CallEnvironment& environment, const Backlog& max_unsent,
                               Fate fate)
    : begun_(method),
      call_mu_(mu),
      context_(context),
      environment_(environment),
      max_unsent_(max_unsent),
      fate_(fate),
      ticket_(environment.calls, &context) {}

GenerationCall::~GenerationCall() = default;

Generation& GenerationCall::AddGeneration(Answer answer, Admission::Permit open) {
  generations_.push_back(std::make_unique<Generation>(
      *this, call_mu_, environment_.generations, std::move(answer), std::move(open), max_unsent_));
  if (cancelled_) generations_.back()->Cancel();
  ++running_;
  ticket_.MayStayOpen();
  return *generations_.back();
}

void GenerationCall::DropGeneration(std::size_t index) noexcept {
  TellEndOf(index, CorrelationOf(context_), *answer(index).outcome());
  generations_.erase(generations_.begin() + static_cast<std::ptrdiff_t>(index));
}

Answer& GenerationCall::answer(std::size_t index) {
  Generation& generation = *generations_[index];
  generation.AssertLocked();
  return generation.answer();
}

bool GenerationCall::MustPost() {
  if (posted_ || !CanSend()) return false;
  posted_ = true;
  return true;
}

void GenerationCall::CountEnd(const Answer& answer) noexcept {
  const absl::Status& outcome = *answer.outcome();
  --running_;
  if (Tenant* const tenant = tenant_permit_.tenant(); tenant != nullptr && answer.started()) {
    tenant->Pay(answer.prompt_tokens() + answer.generated_tokens(), MonotonicNow());
  }
  if (running_ == 0) tenant_permit_.Leave();
  if (fate_ == Fate::kShared && !outcome.ok() && failure_.ok()) {
    failure_ = outcome;
    CancelAll();
  }
  if (running_ > 0) return;
  ticket_.MustEndWithin(absl::IsAborted(failure_) ? kAbortedReaderGrace
                                                  : environment_.stalled_reader_limit);
}

void GenerationCall::CancelAll() {
  cancelled_ = true;
  for (const std::unique_ptr<Generation>& generation : generations_) generation->Cancel();
}

void GenerationCall::CancelByClient() {
  {
    const MutexLock lock(call_mu_);
    CancelAll();
  }
  WakeWorker();
}

bool GenerationCall::UpdateStalls() {
  const bool can_send = CanSend();
  bool must_wake = false;
  for (const std::unique_ptr<Generation>& generation : generations_) {
    generation->AssertLocked();
    must_wake |= generation->UpdateStall(can_send);
  }
  return must_wake;
}

void GenerationCall::ExtendGrace() {
  if (running_ == 0) ticket_.MustEndWithin(environment_.stalled_reader_limit);
}

void GenerationCall::AdviseRetry(absl::Status& status) noexcept {
  if (!absl::IsResourceExhausted(status)) return;
  {
    const MutexLock lock(call_mu_);
    for (std::size_t i = 0; i < generations_.size(); ++i) {
      if (answer(i).started()) return;
    }
  }
  AddRetryDelay(environment_, context_, status);
}

void GenerationCall::TellEndOf(std::size_t index, const Correlation& correlation,
                               const absl::Status& status) noexcept {
  environment_.observer.OnGenerationEnd({.call = begun_,
                                         .correlation = correlation,
                                         .tenant = tenant_permit_.tenant(),
                                         .submitted = generations_[index]->submitted(),
                                         .answer = answer(index),
                                         .status = status});
}

void GenerationCall::TellEnd(const absl::Status& status) noexcept {
  const MutexLock lock(call_mu_);
  const Correlation correlation = CorrelationOf(context_);
  for (std::size_t i = 0; i < generations_.size(); ++i) TellEndOf(i, correlation, status);
  environment_.observer.OnCallEnd({.call = begun_, .correlation = correlation, .status = status});
}

}  // namespace cascade::server
