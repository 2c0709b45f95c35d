// SPDX-License-Identifier: Apache-2.0

#include "server/grpc/serving.h"

#include <utility>

#include "server/engine/worker.h"
#include "server/grpc/call/generation.h"

namespace cascade::server {
namespace {

// To tokenize so much text takes at most two milliseconds.
constexpr std::size_t kShortRequestBytes = 16 << 10;

// Before there is a worker to ask.
constexpr absl::Duration kRetryAfter = absl::Seconds(1);

// The log comes first.
std::vector<const CallObserver*> With(const RequestLog& log,
                                      std::vector<const CallObserver*> observers) {
  observers.insert(observers.begin(), &log);
  return observers;
}

}  // namespace

Serving::Serving(OpenCalls& calls, const Authenticator& authenticator, const Limits& limits,
                 const std::vector<const CallObserver*>& observers)
    : memory_(limits.call_memory_bytes),
      log_(limits.log_prompts),
      observers_(With(log_, observers)),
      environment_{.outbox = outbox_,
                   .calls = calls,
                   .generations = generations_,
                   .observer = observers_,
                   .authenticator = authenticator,
                   .submit =
                       [this](GenerationRequest request) {
                         SubmitOrFail(backend().worker, std::move(request));
                       },
                   .expect = [this] { return backend().worker.Expect(); },
                   .wake_worker =
                       [this] {
                         if (const Backend* b = backend_.load()) b->worker.Wake();
                       },
                   .retry_after =
                       [this] {
                         const Backend* b = backend_.load();
                         return b == nullptr ? kRetryAfter : b->worker.RetryAfter();
                       },
                   .stalled_reader_limit = limits.stalled_reader_limit},
      long_work_(limits.long_work_threads) {}

absl::StatusOr<const Backend*> Serving::Available() const {
  if (stopped_.load()) return absl::UnavailableError("the server is shutting down");
  const Backend* backend = backend_.load();
  if (backend == nullptr) return absl::UnavailableError("the model is still loading");
  return backend;
}

void Serving::Run(std::size_t request_bytes, std::function<void()> work) const {
  if (request_bytes <= kShortRequestBytes) return work();
  long_work_.Post(std::move(work));
}

}  // namespace cascade::server
