// SPDX-License-Identifier: Apache-2.0
// Whether requests are welcome, and what they are served with.
#pragma once

#include <atomic>
#include <optional>

#include "absl/status/statusor.h"
#include "server/grpc/backend.h"
#include "server/grpc/call/call_environment.h"
#include "server/grpc/call/generation_index.h"
#include "server/grpc/call/outbox.h"

namespace cascade::server {

class OpenCalls;

// What all services of the process share, however many dialects they speak: one model, one outbox,
// one index of generations. Start and Stop therefore hold for all of them at once. Any thread.
class Serving {
 public:
  // Borrows `calls`, which generations are registered with.
  explicit Serving(OpenCalls& calls) : calls_(calls) {}

  // From now on requests go to `backend`, which must outlive the gRPC server. Once.
  void Start(const Backend& backend);

  // Refuses new requests from now on; those that were admitted go on.
  void Stop() { stopped_.store(true); }

  // UNAVAILABLE before Start and after Stop. Valid until the gRPC server ends.
  absl::StatusOr<const Backend*> Available() const;

  // What a request that was admitted goes on with, after Stop too. REQUIRES: Available was OK once.
  const Backend& backend() const { return *backend_.load(); }
  const CallEnvironment& environment() const { return *environment_; }

 private:
  OpenCalls& calls_;
  Outbox outbox_;
  GenerationIndex generations_;
  std::optional<CallEnvironment> environment_;  // written before backend_
  std::atomic<const Backend*> backend_ = nullptr;
  std::atomic<bool> stopped_ = false;
};

}  // namespace cascade::server
