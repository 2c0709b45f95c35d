// SPDX-License-Identifier: Apache-2.0

#include "server/grpc/call/generation_call.h"

#include <algorithm>
#include <new>
#include <utility>

#include "server/engine/clock.h"
#include "server/engine/exception_status.h"
#include "server/grpc/call/correlation.h"
#include "server/grpc/status.h"

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

void GenerationCall::HoldPlaces(std::vector<Admission::Permit> places) {
  const MutexLock lock(call_mu_);
  places_ = std::move(places);
}

void GenerationCall::PutOff(GenerationRequest request, const Generation* after) noexcept {
  std::list<Waiting>
      waiting;  // allocated without the lock, under which OnFailed could not be called
  TokenSink* const sink = request.sink;
  try {
    waiting.push_back({.request = std::move(request), .after = after});
  } catch (const std::bad_alloc&) {
    sink->OnFailed(StatusOfException("the request was to wait for its place"));
    return;
  }
  const MutexLock lock(call_mu_);
  waiting_.splice(waiting_.end(), waiting);
}

void GenerationCall::SubmitFirst() {
  std::shared_ptr<void> expected = environment_.expect();
  Due due;
  {
    const MutexLock lock(call_mu_);
    expected_ = std::move(expected);
    due = TakeDue();
  }
  SubmitDue(environment_, std::move(due));
}

std::list<GenerationCall::Waiting>::iterator GenerationCall::FindDue() {
  if (cancelled_) return waiting_.begin();
  if (in_places_ >= places_.size()) return waiting_.end();
  return std::find_if(waiting_.begin(), waiting_.end(), [](const Waiting& waiting) {
    if (waiting.after == nullptr) return true;
    waiting.after->AssertLocked();
    return waiting.after->answer().outcome().has_value();
  });
}

GenerationCall::Due GenerationCall::TakeDue() noexcept {
  Due due;
  for (auto next = FindDue(); next != waiting_.end(); next = FindDue()) {
    // The first one may find the queue full, or closed. Those behind it must not fail for it the
    // call that was let in: they have places of their own.
    next->request.follows = std::exchange(has_submitted_, true);
    due.requests.splice(due.requests.end(), waiting_, next);
    ++in_places_;
  }
  due.expected = expected_;
  if (waiting_.empty()) expected_.reset();
  return due;
}

void GenerationCall::SubmitDue(const CallEnvironment& environment, Due due) noexcept {
  for (Waiting& waiting : due.requests) {
    TokenSink* const sink = waiting.request.sink;
    if (sink->IsCancelled()) {
      sink->OnFailed(StatusOrItsCode(absl::StatusCode::kCancelled, "the request was cancelled"));
    } else {
      environment.submit(std::move(waiting.request));
    }
  }
}

bool GenerationCall::MustPost() {
  if (posted_ || (!CanSend() && FindDue() == waiting_.end())) return false;
  posted_ = true;
  return true;
}

void GenerationCall::CountEnd(const Answer& answer) noexcept {
  const absl::Status& outcome = *answer.outcome();
  --running_;
  if (in_places_ > 0) --in_places_;
  // No place is kept that no request will need.
  while (waiting_.empty() && places_.size() > in_places_) places_.pop_back();
  if (Tenant* const tenant = tenant_permit_.tenant(); tenant != nullptr && answer.started()) {
    tenant->Pay(answer.prompt_tokens() + answer.resumed_tokens() + answer.generated_tokens(),
                MonotonicNow());
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
