// The gRPC server from its first listen to its last call.
#pragma once

#include <atomic>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "grpcpp/server.h"
#include "server/grpc/call/open_calls.h"
#include "server/grpc/health/health_service.h"
#include "server/grpc/services.h"
#include "server/grpc/serving.h"
#include "server/options.h"
#include "server/served_model.h"
#include "server/ticker.h"
#include "server/worker_watch.h"

namespace cascade::server {

// One after the other: Listen, LoadModel, StartServing, Drain, Shutdown. Drain also from a second
// thread.
//
//   state        readiness     a new request gets
//   listening    NOT_SERVING   UNAVAILABLE
//   serving      SERVING       an answer
//   draining     NOT_SERVING   UNAVAILABLE; those that were admitted go on
//   shut down    -             no connection
//
// Liveness is SERVING in all of them. Both are NOT_SERVING as long as the worker hangs.
class Server {
 public:
  explicit Server(Options options);
  ~Server();  // Shutdown

  // Listens: health checks and reflection work from now on. UNAVAILABLE, saying why, if the address
  // cannot be had.
  absl::Status Listen();

  // Loads the model; nobody is served yet.
  absl::Status LoadModel();

  // Serves the model. REQUIRES: LoadModel was OK.
  void StartServing();

  // Health turns NOT_SERVING and new requests are refused, before anything else. OK when those that
  // were admitted have ended, at `deadline` by force. INTERNAL, with what was running, if the
  // worker hangs in a step after `deadline`: then nothing but the end of the process ends it.
  absl::Status Drain(absl::Time deadline);

  // Ends everything; the last messages still have a few seconds to get to their clients.
  // Idempotent. A worker that hangs is waited for.
  void Shutdown();

  // What a client dials, such as "localhost:50051": --listen, with the port that was taken for 0
  // and a host that clients can use for "every interface". Valid after Listen.
  const std::string& address() const { return address_; }

  // REQUIRES: LoadModel was OK. Valid until Shutdown.
  const Backend& backend() const { return model_->backend(); }

 private:
  // What is looked after while the model is served: hangs, and answers that nobody takes.
  void StartWatching();

  const Options options_;
  std::string address_;
  OpenCalls calls_;
  Serving serving_;
  const std::vector<Service> services_;
  HealthService health_;
  std::unique_ptr<ServedModel> model_;  // outlives the calls that use it
  std::unique_ptr<grpc::Server> server_;
  std::optional<WorkerWatch> watch_;  // the ticker's thread's
  std::atomic<bool> worker_hangs_ = false;
  std::optional<Ticker> ticker_;  // last: it uses the rest
};

}  // namespace cascade::server
