#include "server/grpc/generate_unary_reactor.h"

#include <new>

#include "absl/time/time.h"
#include "server/grpc/request_log.h"
#include "server/grpc/status.h"

namespace cascade::server {

void GenerateUnaryReactor::OnStep(std::size_t /*choice*/, model::DecodingStep step) {
  answer_.Add(step);
}

void GenerateUnaryReactor::OnFinished(const Timings& timings) {
  answer_.End(timings);
  call_.MustEndWithin(environment_.stalled_reader_limit);
  environment_.outbox.Post(*this);  // last: `this` may be gone afterwards
}

void GenerateUnaryReactor::OnFailed(absl::Status status) {
  status_ = std::move(status);
  call_.MustEndWithin(environment_.stalled_reader_limit);
  environment_.outbox.Post(*this);  // last: `this` may be gone afterwards
}

void GenerateUnaryReactor::Send() noexcept {
  try {
    if (status_.ok()) answer_.TakeAll(response_);
  } catch (const std::bad_alloc&) {
    status_ = absl::Status(absl::StatusCode::kResourceExhausted, "");
  }
  if (absl::IsResourceExhausted(status_) && !answer_.started()) {
    AddRetryDelay(environment_, context_, status_);
  }
  Finish(ToGrpcStatus(status_));  // last: `this` may be gone afterwards
}

void GenerateUnaryReactor::OnDone() {
  LogFinished("Generate", answer_, status_);
  delete this;
}

}  // namespace cascade::server
