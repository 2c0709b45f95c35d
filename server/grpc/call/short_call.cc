// SPDX-License-Identifier: Apache-2.0

#include "server/grpc/call/short_call.h"

#include "server/grpc/call/correlation.h"
#include "server/grpc/status.h"

namespace cascade::server {

ShortCall::ShortCall(const MethodName& method, grpc::CallbackServerContext& context,
                     const CallEnvironment& environment)
    : begun_(method),
      context_(context),
      environment_(environment),
      ticket_(environment.calls, &context) {}

void ShortCall::OnDone() {
  environment_.observer.OnCallEnd(
      {.call = begun_, .correlation = CorrelationOf(context_), .status = status_});
  delete this;
}

void ShortCall::End(absl::Status status) noexcept {
  ticket_.MustEndWithin(environment_.stalled_reader_limit);
  status_ = std::move(status);
  if (absl::IsResourceExhausted(status_)) AddRetryDelay(environment_, context_, status_);
  Finish(ToGrpcStatus(status_));
}

}  // namespace cascade::server
