#pragma once

#include <functional>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "grpcpp/server_context.h"
#include "server/grpc/open_calls.h"
#include "server/grpc/outbox.h"

namespace cascade::server {

// What one generation call needs of the rest of the process. Outlives every call.
struct CallEnvironment {
  Outbox& outbox;
  OpenCalls& calls;
  std::function<void()> wake_worker;            // Worker::Wake
  std::function<absl::Duration()> retry_after;  // Worker::RetryAfter
  absl::Duration stalled_reader_limit;          // for a client to take what there is
};

// Makes `status` one that tells when to come back, in its details and in the call's trailers. As it
// was, if there is no memory for that. Call it before Finish.
void AddRetryDelay(const CallEnvironment& environment, grpc::CallbackServerContext& context,
                   absl::Status& status) noexcept;

}  // namespace cascade::server
