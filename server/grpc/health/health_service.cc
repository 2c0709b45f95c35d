// SPDX-License-Identifier: Apache-2.0

#include "server/grpc/health/health_service.h"

#include <cstddef>
#include <optional>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "server/grpc/call/answer_at_once.h"
#include "server/grpc/call/call_memory.h"
#include "server/grpc/call/open_calls.h"
#include "server/grpc/call/write_loop.h"

namespace cascade::server {
namespace {

// Longest part of a name to repeat: a client takes 8 KiB of trailers unless told otherwise.
constexpr std::size_t kMostOfAName = 128;

absl::Status NoService(const std::string& name, const std::set<std::string>& known) {
  return absl::NotFoundError(absl::StrCat("no service '", name.substr(0, kMostOfAName),
                                          "'; there is '' for liveness, and for readiness '",
                                          absl::StrJoin(known, "', '"), "'"));
}

}  // namespace

using grpc::health::v1::HealthCheckRequest;
using grpc::health::v1::HealthCheckResponse;
using grpc::health::v1::HealthListRequest;
using grpc::health::v1::HealthListResponse;

// One Watch call. A change of health wakes it, and it looks for itself what to tell, so notices
// that overtake each other do no harm.
//
// Lifetime. The service's set shares it with the threads that are waking it; OnDone takes it out of
// the set. So Wake may come when the call is long over, and then finds nothing to do.
class HealthService::Watcher final : public WriteLoop<HealthCheckResponse>,
                                     public std::enable_shared_from_this<Watcher> {
 public:
  Watcher(HealthService& health, std::string service)
      : ticket_(health.calls_),
        memory_(health.memory_.TryTake(CallBytes(service.size()))),
        health_(health),
        service_(std::move(service)) {}

  // The health may have changed. Any thread.
  void Wake() { Advance(); }

  void OnDone() override { health_.Forget(shared_from_this()); }

 private:
  Next TakeNext(HealthCheckResponse& event, absl::Status& status) noexcept override
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) {
    if (!memory_) {
      status = health_.memory_.Full();
      return Next::kFinish;
    }
    const View view = health_.Look(service_);
    if (!broken() && sent_ != view.status) {
      sent_ = view.status;
      event.set_status(view.status);
      return Next::kWrite;
    }
    if (!broken() && !view.ended) return Next::kNothing;
    status = StatusOrItsCode(absl::StatusCode::kUnavailable, "the server is shutting down");
    return Next::kFinish;
  }

  const OpenCalls::Ticket ticket_;
  const CallMemory::Share memory_;
  HealthService& health_;
  const std::string service_;
  std::optional<Status> sent_ ABSL_GUARDED_BY(mu_);
};

HealthService::HealthService(std::set<std::string> services, OpenCalls& calls, CallMemory& memory)
    : services_(std::move(services)), calls_(calls), memory_(memory) {}

HealthService::~HealthService() = default;

void HealthService::SetReady(bool ready) {
  {
    const MutexLock lock(mu_);
    if (std::exchange(ready_, ready) == ready) return;
  }
  WakeWatchers();
}

void HealthService::SetHanging(bool hanging) {
  {
    const MutexLock lock(mu_);
    if (std::exchange(hanging_, hanging) == hanging) return;
  }
  WakeWatchers();
}

void HealthService::EndWatches() {
  {
    const MutexLock lock(mu_);
    ended_ = true;
  }
  WakeWatchers();
}

void HealthService::WakeWatchers() {
  std::set<std::shared_ptr<Watcher>> watchers;
  {
    const MutexLock lock(mu_);
    watchers = watchers_;
  }
  for (const std::shared_ptr<Watcher>& watcher : watchers) watcher->Wake();
}

void HealthService::Forget(const std::shared_ptr<Watcher>& watcher) {
  const MutexLock lock(mu_);
  watchers_.erase(watcher);
}

HealthService::View HealthService::Look(const std::string& service) const {
  const MutexLock lock(mu_);
  return {StatusOf(service), ended_};
}

bool HealthService::ready() const {
  const MutexLock lock(mu_);
  return ready_ && !hanging_;
}

bool HealthService::alive() const {
  const MutexLock lock(mu_);
  return !hanging_;
}

HealthService::Status HealthService::StatusOf(const std::string& service) const {
  const bool liveness = service.empty();
  if (!liveness && !services_.contains(service)) return HealthCheckResponse::SERVICE_UNKNOWN;
  const bool serving = !hanging_ && (liveness || ready_);
  return serving ? HealthCheckResponse::SERVING : HealthCheckResponse::NOT_SERVING;
}

grpc::ServerUnaryReactor* HealthService::Check(grpc::CallbackServerContext* context,
                                               const HealthCheckRequest* request,
                                               HealthCheckResponse* response) {
  return AnswerAtOnce(*context, [&]() -> absl::Status {
    response->set_status(Look(request->service()).status);
    const bool unknown = response->status() == HealthCheckResponse::SERVICE_UNKNOWN;
    return unknown ? NoService(request->service(), services_) : absl::OkStatus();
  });
}

grpc::ServerUnaryReactor* HealthService::List(grpc::CallbackServerContext* context,
                                              const HealthListRequest* /*request*/,
                                              HealthListResponse* response) {
  return AnswerAtOnce(*context, [&]() -> absl::Status {
    const MutexLock lock(mu_);  // one moment for all
    auto& statuses = *response->mutable_statuses();
    statuses[""].set_status(StatusOf(""));
    for (const std::string& service : services_) statuses[service].set_status(StatusOf(service));
    return absl::OkStatus();
  });
}

grpc::ServerWriteReactor<HealthCheckResponse>* HealthService::Watch(
    grpc::CallbackServerContext* /*context*/, const HealthCheckRequest* request) {
  const auto watcher = std::make_shared<Watcher>(*this, request->service());
  {
    const MutexLock lock(mu_);
    watchers_.insert(watcher);
  }
  watcher->Wake();
  return watcher.get();
}

}  // namespace cascade::server
