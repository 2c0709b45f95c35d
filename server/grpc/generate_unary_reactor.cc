#include "server/grpc/generate_unary_reactor.h"

#include "server/grpc/request_log.h"
#include "server/grpc/status.h"

namespace cascade::server {

void GenerateUnaryReactor::OnStep(model::DecodingStep step) { answer_.Add(step); }

void GenerateUnaryReactor::OnFinished(const Timings& timings) {
  answer_.End(timings);
  outbox_.Post(*this);  // last: `this` may be gone afterwards
}

void GenerateUnaryReactor::OnFailed(absl::Status status) {
  status_ = std::move(status);
  outbox_.Post(*this);  // last: `this` may be gone afterwards
}

void GenerateUnaryReactor::Send() {
  if (status_.ok()) answer_.TakeAll(response_);
  Finish(ToGrpcStatus(status_));  // last: `this` may be gone afterwards
}

void GenerateUnaryReactor::OnDone() {
  LogFinished("Generate", answer_, status_);
  delete this;
}

}  // namespace cascade::server
