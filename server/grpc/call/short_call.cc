// SPDX-License-Identifier: Apache-2.0

#include "server/grpc/call/short_call.h"

#include "server/grpc/status.h"

namespace cascade::server {

ShortCall::ShortCall(grpc::CallbackServerContext& context, const CallEnvironment& environment)
    : context_(context), environment_(environment), ticket_(environment.calls, &context) {}

void ShortCall::End(absl::Status status) noexcept {
  ticket_.MustEndWithin(environment_.stalled_reader_limit);
  if (absl::IsResourceExhausted(status)) AddRetryDelay(environment_, context_, status);
  Finish(ToGrpcStatus(status));
}

}  // namespace cascade::server
