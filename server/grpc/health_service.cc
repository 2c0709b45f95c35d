#include "server/grpc/health_service.h"

#include <cstddef>
#include <optional>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "server/grpc/status.h"

namespace cascade::server {
namespace {

// Longest part of a name to repeat: a client takes 8 KiB of trailers unless told otherwise.
constexpr std::size_t kMostOfAName = 128;

grpc::Status NoService(const std::string& name, const std::string& known) {
  return {grpc::StatusCode::NOT_FOUND, absl::StrCat("no service '", name.substr(0, kMostOfAName),
                                                    "': '", known, "' is readiness, '' liveness")};
}

}  // namespace

using grpc::health::v1::HealthCheckRequest;
using grpc::health::v1::HealthCheckResponse;

// One Watch call. It is told that something may have changed and looks for itself, so notices that
// overtake each other do no harm.
//
// Lifetime. The service's set and whoever is waking it share it; OnDone takes it out of the set. As
// in GenerateReactor, the lock is never held across a call into gRPC.
class HealthService::Watcher final : public grpc::ServerWriteReactor<HealthCheckResponse>,
                                     public std::enable_shared_from_this<Watcher> {
 public:
  Watcher(HealthService& health, std::string service)
      : call_(health.calls_), health_(health), service_(std::move(service)) {}

  // Something may have changed. Any thread, also when the call is long over.
  void Wake() ABSL_LOCKS_EXCLUDED(mu_) {
    Action action = Action::kNone;
    {
      const MutexLock lock(mu_);
      action = NextAction();
    }
    Do(action);
  }

  void OnWriteDone(bool ok) override ABSL_LOCKS_EXCLUDED(mu_) {
    Action action = Action::kNone;
    {
      const MutexLock lock(mu_);
      writing_ = false;
      gone_ = gone_ || !ok;
      action = NextAction();
    }
    Do(action);
  }

  void OnCancel() override ABSL_LOCKS_EXCLUDED(mu_) {
    Action action = Action::kNone;
    {
      const MutexLock lock(mu_);
      gone_ = true;
      action = NextAction();
    }
    Do(action);
  }

  void OnDone() override { health_.Forget(shared_from_this()); }

 private:
  enum class Action : std::uint8_t { kNone, kWrite, kFinish };

  Action NextAction() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) {
    if (writing_ || finishing_) return Action::kNone;
    const View view = health_.Look(service_);
    if (!gone_ && sent_ != view.status) {
      sent_ = view.status;
      in_flight_.set_status(view.status);
      writing_ = true;
      return Action::kWrite;
    }
    finishing_ = gone_ || view.ended;
    return finishing_ ? Action::kFinish : Action::kNone;
  }

  void Do(Action action) ABSL_LOCKS_EXCLUDED(mu_) {
    switch (action) {
      case Action::kNone:
        return;
      case Action::kWrite:
        StartWrite(&in_flight_);
        return;
      case Action::kFinish:
        Finish(ToGrpcStatus(absl::UnavailableError("the server is shutting down")));
        return;
    }
  }

  const OpenCalls::Ticket call_;
  HealthService& health_;
  const std::string service_;
  HealthCheckResponse in_flight_;  // gRPC's while `writing_`

  Mutex mu_;
  bool writing_ ABSL_GUARDED_BY(mu_) = false;
  bool finishing_ ABSL_GUARDED_BY(mu_) = false;
  bool gone_ ABSL_GUARDED_BY(mu_) = false;  // nobody listens
  std::optional<Status> sent_ ABSL_GUARDED_BY(mu_);
};

HealthService::HealthService(std::string service, OpenCalls& calls)
    : service_(std::move(service)), calls_(calls) {}

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
  const bool liveness = service.empty();
  if (!liveness && service != service_) return {HealthCheckResponse::SERVICE_UNKNOWN, ended_};
  const bool serving = !hanging_ && (liveness || ready_);
  return {serving ? HealthCheckResponse::SERVING : HealthCheckResponse::NOT_SERVING, ended_};
}

grpc::ServerUnaryReactor* HealthService::Check(grpc::CallbackServerContext* context,
                                               const HealthCheckRequest* request,
                                               HealthCheckResponse* response) {
  grpc::ServerUnaryReactor* reactor = context->DefaultReactor();
  const Status status = Look(request->service()).status;
  response->set_status(status);
  const bool unknown = status == HealthCheckResponse::SERVICE_UNKNOWN;
  reactor->Finish(unknown ? NoService(request->service(), service_) : grpc::Status::OK);
  return reactor;
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
