#include "server/grpc/generate_reactor.h"

#include <new>

#include "absl/time/time.h"
#include "server/grpc/request_log.h"
#include "server/grpc/status.h"

namespace cascade::server {
namespace {

// For a client that was ended for not reading to read at least that.
constexpr absl::Duration kLastWordsTime = absl::Seconds(5);

absl::Status StatusWithRoom(absl::StatusCode code, absl::string_view message) noexcept {
  try {
    return absl::Status(code, message);
  } catch (const std::bad_alloc&) {
    return absl::Status(code, "");
  }
}

}  // namespace

void GenerateReactor::Accept() {
  bool refused = false;
  {
    const MutexLock lock(mu_);
    refused = outcome_.has_value() && !outcome_->ok();
  }
  if (!refused) StartSendInitialMetadata();
  Send();
}

void GenerateReactor::OnStarted(std::size_t cached_tokens) {
  bool must_post = false;
  {
    const MutexLock lock(mu_);
    answer_.Start(cached_tokens);
    must_post = MustPost();
  }
  if (must_post) environment_.outbox.Post(*this);
}

void GenerateReactor::OnStep(std::size_t /*choice*/, model::DecodingStep step) {
  bool must_post = false;
  {
    const MutexLock lock(mu_);
    answer_.Add(step);
    UpdateStall();
    must_post = MustPost();
  }
  if (must_post) environment_.outbox.Post(*this);
}

void GenerateReactor::OnFinished(const Timings& timings) {
  End(absl::OkStatus(), environment_.stalled_reader_limit, &timings);
}

void GenerateReactor::OnFailed(absl::Status status) {
  const bool stalled = absl::IsAborted(status);
  End(std::move(status), stalled ? kLastWordsTime : environment_.stalled_reader_limit, nullptr);
}

void GenerateReactor::End(absl::Status outcome, absl::Duration grace, const Timings* timings) {
  call_.MustEndWithin(grace);
  bool must_post = false;
  {
    // Summary and outcome under one lock: either of them lets OnWriteDone end the call, after which
    // `this` may be gone.
    const MutexLock lock(mu_);
    if (timings != nullptr) answer_.End(*timings);
    outcome_ = std::move(outcome);
    must_post = MustPost();
  }
  if (must_post) environment_.outbox.Post(*this);  // else `this` may be gone
}

void GenerateReactor::Send() noexcept {
  Action action = Action::kNone;
  {
    const MutexLock lock(mu_);
    posted_ = false;
    action = NextAction();
  }
  Do(action);
}

void GenerateReactor::OnWriteDone(bool ok) {
  Action action = Action::kNone;
  bool must_wake = false;
  {
    const MutexLock lock(mu_);
    writing_ = false;
    if (!ok) {  // nobody listens: let the worker wind up
      broken_ = true;
      cancelled_.store(true, std::memory_order_relaxed);
    } else if (outcome_.has_value()) {
      call_.MustEndWithin(environment_.stalled_reader_limit);
    }
    action = NextAction();
    must_wake = UpdateStall();
  }
  if (must_wake) environment_.wake_worker();
  Do(action);
}

void GenerateReactor::OnCancel() {
  cancelled_.store(true, std::memory_order_relaxed);
  environment_.wake_worker();  // which may sleep, if all that it has is stalled
}

void GenerateReactor::OnDone() {
  {
    const MutexLock lock(mu_);
    LogFinished("GenerateStream", answer_, final_status_);
  }
  delete this;
}

bool GenerateReactor::MustPost() {
  if (posted_ || writing_) return false;
  posted_ = true;
  return true;
}

GenerateReactor::Action GenerateReactor::NextAction() noexcept {
  if (posted_ || writing_ || finishing_) return Action::kNone;
  if (!broken_ && TakeEvent()) {
    // The summary only comes after OnFinished: message and status leave together.
    finishing_ = answer_.complete();
    writing_ = !finishing_;
    return finishing_ ? Action::kWriteAndFinish : Action::kWrite;
  }
  if (!outcome_.has_value()) return Action::kNone;
  finishing_ = true;
  final_status_ = FinalStatus();
  const bool refused = absl::IsResourceExhausted(final_status_) && !answer_.started();
  return refused ? Action::kRefuse : Action::kFinish;
}

bool GenerateReactor::TakeEvent() noexcept {
  try {
    return answer_.TakeEvent(in_flight_);
  } catch (const std::bad_alloc&) {
    broken_ = true;
    no_memory_ = true;
    cancelled_.store(true, std::memory_order_relaxed);
    return false;
  }
}

absl::Status GenerateReactor::FinalStatus() const noexcept {
  if (no_memory_) {
    return StatusWithRoom(absl::StatusCode::kResourceExhausted,
                          "memory ran out while the answer was sent");
  }
  if (!broken_ || !outcome_->ok()) return *outcome_;
  return StatusWithRoom(absl::StatusCode::kCancelled, "the client went away");
}

bool GenerateReactor::UpdateStall() {
  const Answer::Backlog& backlog = answer_.backlog();
  const bool too_much = backlog.tokens > kMaxUnsentTokens || backlog.bytes > kMaxUnsentBytes;
  const bool stalled = writing_ && too_much;
  return stalled_.exchange(stalled, std::memory_order_relaxed) && !stalled;
}

void GenerateReactor::Do(Action action) {
  switch (action) {
    case Action::kNone:
      return;
    case Action::kWrite:
      StartWrite(&in_flight_);
      return;
    case Action::kWriteAndFinish:
      StartWriteAndFinish(&in_flight_, grpc::WriteOptions(), grpc::Status::OK);
      return;
    case Action::kRefuse:
      AddRetryDelay(environment_, context_, final_status_);
      Finish(ToGrpcStatus(final_status_));
      return;
    case Action::kFinish:
      Finish(ToGrpcStatus(final_status_));
      return;
  }
}

RefusedStream::RefusedStream(const absl::Status& status) { Finish(ToGrpcStatus(status)); }

}  // namespace cascade::server
