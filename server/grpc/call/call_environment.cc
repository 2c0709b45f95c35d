// SPDX-License-Identifier: Apache-2.0

#include "server/grpc/call/call_environment.h"

#include <new>

#include "server/grpc/status.h"

namespace cascade::server {

void AddRetryDelay(const CallEnvironment& environment, grpc::CallbackServerContext& context,
                   absl::Status& status) noexcept {
  try {
    if (!HasRetryDelay(status)) status = WithRetryDelay(status, environment.retry_after());
    AddRetryPushback(status, context);
  } catch (const std::bad_alloc&) {
  }
}

}  // namespace cascade::server
