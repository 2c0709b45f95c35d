// SPDX-License-Identifier: Apache-2.0
// The standard health service, grpc.health.v1.Health.
//
// Our own, from the published proto: reflection lists gRPC 1.51's built-in one but cannot describe
// it, and generic clients then fail for the whole server.
#pragma once

#include <memory>
#include <set>
#include <string>

#include "absl/base/thread_annotations.h"
#include "grpc/health/v1/health.grpc.pb.h"
#include "server/engine/mutex.h"

namespace cascade::server {

class CallMemory;
class OpenCalls;

// Answers for "" and for the names of services. "" is liveness: whether the process can answer;
// NOT_SERVING means that nothing but a restart will help. A service's name is readiness: whether
// its requests are welcome. Check of another name is NOT_FOUND, Watch of it reports
// SERVICE_UNKNOWN. Any thread.
//
//                   ""            each service
//   at first        SERVING       NOT_SERVING
//   ready           SERVING       SERVING
//   hanging         NOT_SERVING   NOT_SERVING
class HealthService final : public grpc::health::v1::Health::CallbackService {
 public:
  using Status = grpc::health::v1::HealthCheckResponse::ServingStatus;

  // `services` are full names. Borrows `calls`, which watches are registered with, and `memory`,
  // which they share: a watch for which there is none ends with RESOURCE_EXHAUSTED. Check and List
  // are always answered.
  HealthService(std::set<std::string> services, OpenCalls& calls, CallMemory& memory);
  ~HealthService() override;

  bool ready() const ABSL_LOCKS_EXCLUDED(mu_);
  bool alive() const ABSL_LOCKS_EXCLUDED(mu_);

  // Both tell the watchers of what they change. A watcher that has not yet taken a status when it
  // changes back misses that status, but never the last one.
  void SetReady(bool ready) ABSL_LOCKS_EXCLUDED(mu_);
  void SetHanging(bool hanging) ABSL_LOCKS_EXCLUDED(mu_);

  // Ends all watches, those that come later included, with UNAVAILABLE: call it before the gRPC
  // server's Shutdown, which would wait for them.
  void EndWatches() ABSL_LOCKS_EXCLUDED(mu_);

  grpc::ServerUnaryReactor* Check(grpc::CallbackServerContext* context,
                                  const grpc::health::v1::HealthCheckRequest* request,
                                  grpc::health::v1::HealthCheckResponse* response) override;

  // The statuses of "" and of all services, as Check tells them.
  grpc::ServerUnaryReactor* List(grpc::CallbackServerContext* context,
                                 const grpc::health::v1::HealthListRequest* request,
                                 grpc::health::v1::HealthListResponse* response) override;

  grpc::ServerWriteReactor<grpc::health::v1::HealthCheckResponse>* Watch(
      grpc::CallbackServerContext* context,
      const grpc::health::v1::HealthCheckRequest* request) override;

 private:
  class Watcher;

  // What a watcher of `service` is to be told.
  struct View {
    Status status;
    bool ended;  // its watch ends
  };
  View Look(const std::string& service) const ABSL_LOCKS_EXCLUDED(mu_);
  Status StatusOf(const std::string& service) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);

  // Has every watcher look again.
  void WakeWatchers() ABSL_LOCKS_EXCLUDED(mu_);
  void Forget(const std::shared_ptr<Watcher>& watcher) ABSL_LOCKS_EXCLUDED(mu_);

  const std::set<std::string> services_;
  OpenCalls& calls_;
  CallMemory& memory_;
  mutable Mutex mu_;
  bool ready_ ABSL_GUARDED_BY(mu_) = false;
  bool hanging_ ABSL_GUARDED_BY(mu_) = false;
  bool ended_ ABSL_GUARDED_BY(mu_) = false;
  std::set<std::shared_ptr<Watcher>> watchers_ ABSL_GUARDED_BY(mu_);
};

}  // namespace cascade::server
