// SPDX-License-Identifier: Apache-2.0
// What a call needs of the rest of the process.
#pragma once

#include <functional>
#include <memory>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "grpcpp/server_context.h"
#include "server/engine/generation_request.h"

namespace cascade::server {

class Authenticator;
class CallObserver;
class GenerationIndex;
class OpenCalls;
class Outbox;

// Shared by all calls that generate, and outlives them.
struct CallEnvironment {
  Outbox& outbox;
  OpenCalls& calls;
  GenerationIndex& generations;
  const CallObserver& observer;
  const Authenticator& authenticator;
  std::function<void(GenerationRequest)> submit = {};  // SubmitOrFail
  std::function<std::shared_ptr<void>()> expect = {};  // Worker::Expect
  std::function<void()> wake_worker;                   // Worker::Wake
  std::function<absl::Duration()> retry_after;         // Worker::RetryAfter
  absl::Duration stalled_reader_limit;                 // for a client to read the end of an answer
};

// Adds retry advice: google.rpc.RetryInfo to `status` and grpc-retry-pushback-ms to the call's
// trailers, as far as there is memory for them. Call it before Finish.
void AddRetryDelay(const CallEnvironment& environment, grpc::CallbackServerContext& context,
                   absl::Status& status) noexcept;

}  // namespace cascade::server
