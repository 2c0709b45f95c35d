#include "server/grpc/generate_reactor.h"

#include "server/grpc/request_log.h"
#include "server/grpc/status.h"

namespace cascade::server {

void GenerateReactor::Begin() {
  Action action = Action::kNone;
  {
    const MutexLock lock(mu_);
    action = NextAction();
  }
  Do(action);
}

void GenerateReactor::OnStep(model::DecodingStep step) {
  bool must_post = false;
  {
    const MutexLock lock(mu_);
    answer_.Add(step);
    must_post = MustPost();
  }
  if (must_post) outbox_.Post(*this);
}

void GenerateReactor::OnFinished(const Timings& timings) {
  bool must_post = false;
  {
    const MutexLock lock(mu_);
    answer_.End(timings);
    outcome_ = absl::OkStatus();
    must_post = MustPost();
  }
  if (must_post) outbox_.Post(*this);  // else `this` may be gone
}

void GenerateReactor::OnFailed(absl::Status status) {
  bool must_post = false;
  {
    const MutexLock lock(mu_);
    outcome_ = std::move(status);
    must_post = MustPost();
  }
  if (must_post) outbox_.Post(*this);  // else `this` may be gone
}

void GenerateReactor::Send() {
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
  {
    const MutexLock lock(mu_);
    writing_ = false;
    if (!ok) {  // nobody listens: let the worker wind up
      broken_ = true;
      cancelled_.store(true, std::memory_order_relaxed);
    }
    action = NextAction();
  }
  Do(action);
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

GenerateReactor::Action GenerateReactor::NextAction() {
  if (posted_ || writing_ || finishing_) return Action::kNone;
  if (!broken_ && answer_.TakeEvent(in_flight_)) {
    // The summary only comes after OnFinished: message and status leave together.
    finishing_ = answer_.complete();
    writing_ = !finishing_;
    return finishing_ ? Action::kWriteAndFinish : Action::kWrite;
  }
  if (!outcome_.has_value()) return Action::kNone;
  finishing_ = true;
  final_status_ = broken_ ? absl::CancelledError("the client went away") : *outcome_;
  return Action::kFinish;
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
    case Action::kFinish:
      Finish(ToGrpcStatus(final_status_));
      return;
  }
}

RefusedStream::RefusedStream(const absl::Status& status) { Finish(ToGrpcStatus(status)); }

}  // namespace cascade::server
