// SPDX-License-Identifier: Apache-2.0
// Whether requests are welcome, and what they are served with.
#pragma once

#include <atomic>
#include <cstddef>
#include <functional>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "server/grpc/backend.h"
#include "server/grpc/call/call_environment.h"
#include "server/grpc/call/call_memory.h"
#include "server/grpc/call/call_observer.h"
#include "server/grpc/call/generation_index.h"
#include "server/grpc/call/long_work.h"
#include "server/grpc/call/outbox.h"
#include "server/grpc/call/request_log.h"

namespace cascade::server {

class Authenticator;
class OpenCalls;

// What all services of the process share, however many dialects they speak: one model, one outbox,
// one index of generations, one budget of memory. Start and Stop therefore hold for all of them at
// once. Any thread.
class Serving {
 public:
  struct Limits {
    std::size_t call_memory_bytes = std::size_t{128} << 20;  // of all calls that are open
    std::size_t long_work_threads = 1;
    bool log_prompts = false;
    absl::Duration stalled_reader_limit = absl::Seconds(30);
  };

  // Borrows `calls`, which calls are registered with, `authenticator`, and `observers`, which hear
  // how calls end, as the log does.
  Serving(OpenCalls& calls, const Authenticator& authenticator, const Limits& limits,
          const std::vector<const CallObserver*>& observers);

  // From now on requests go to `backend`, which must outlive the gRPC server. Once.
  void Start(const Backend& backend) { backend_.store(&backend); }

  // Refuses new requests from now on; those that were admitted go on.
  void Stop() { stopped_.store(true); }

  // UNAVAILABLE before Start and after Stop. Valid until the gRPC server ends.
  absl::StatusOr<const Backend*> Available() const;

  // What a request that was admitted goes on with, after Stop too. REQUIRES: Available was OK once.
  const Backend& backend() const { return *backend_.load(); }

  // The same, or null before Start.
  const Backend* model() const { return backend_.load(); }

  const CallEnvironment& environment() const { return environment_; }

  // The budget of all calls; those of other services take their shares of it too.
  CallMemory& memory() const { return memory_; }

  // Does `work`, which must not throw, for a request of `request_bytes`: at once and here if that
  // is short, else later on a thread of LongWork, so that no short request, no stream and no health
  // check waits behind long ones. May throw std::bad_alloc, and then has not done it.
  void Run(std::size_t request_bytes, std::function<void()> work) const;

 private:
  mutable CallMemory memory_;
  mutable Outbox outbox_;
  mutable GenerationIndex generations_;
  const RequestLog log_;
  const CallObservers observers_;
  std::atomic<const Backend*> backend_ = nullptr;
  std::atomic<bool> stopped_ = false;
  const CallEnvironment environment_;
  mutable LongWork long_work_;  // last: its work uses the members above
};

}  // namespace cascade::server
