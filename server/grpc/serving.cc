// SPDX-License-Identifier: Apache-2.0

#include "server/grpc/serving.h"

#include "server/engine/worker.h"
#include "server/grpc/model_info.h"

namespace cascade::server {

void Serving::Start(const Backend& backend) {
  environment_.emplace(
      CallEnvironment{.outbox = outbox_,
                      .calls = calls_,
                      .generations = generations_,
                      .wake_worker = [&worker = backend.worker] { worker.Wake(); },
                      .retry_after = [&worker = backend.worker] { return worker.RetryAfter(); },
                      .stalled_reader_limit = backend.info.stalled_reader_limit});
  backend_.store(&backend);
}

absl::StatusOr<const Backend*> Serving::Available() const {
  if (stopped_.load()) return absl::UnavailableError("the server is shutting down");
  const Backend* backend = backend_.load();
  if (backend == nullptr) return absl::UnavailableError("the model is still loading");
  return backend;
}

}  // namespace cascade::server
