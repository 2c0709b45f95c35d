// SPDX-License-Identifier: Apache-2.0
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
#include "server/grpc/auth/authenticator.h"
#include "server/grpc/call/open_calls.h"
#include "server/grpc/health/health_service.h"
#include "server/grpc/services.h"
#include "server/grpc/serving.h"
#include "server/monitoring.h"
#include "server/options.h"
#include "server/served_model.h"
#include "server/ticker.h"
#include "server/tracing/call_tracer.h"
#include "server/worker_watch.h"

namespace cascade::server {

class AcceptLoop;
struct ListeningSockets;

// Call in this order: Listen, LoadModel, StartServing, Drain, Shutdown. Drain may be called from a
// second thread at the same time.
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

  // What Listen and LoadModel would say, as far as it shows without listening and without reading
  // the weights.
  static absl::Status Check(const Options& options);

  // Listens: health checks and reflection work from now on. UNAVAILABLE, with the reason, if the
  // server cannot listen on one of the addresses.
  absl::Status Listen();

  // Loads the model; requests are still refused.
  absl::Status LoadModel();

  // Serves the model. REQUIRES: LoadModel was OK.
  void StartServing();

  // Turns readiness to NOT_SERVING and refuses new requests, then waits for those that were
  // admitted. OK when all have ended; at `deadline` the rest end with UNAVAILABLE. INTERNAL, naming
  // what was running, if the worker hangs in a step after `deadline`: then only the end of the
  // process ends the step.
  absl::Status Drain(absl::Time deadline);

  // Drains at once and stops the server. Clients have a few seconds to read their last messages.
  // Idempotent. Waits for a worker that hangs.
  void Shutdown();

  // The addresses for clients, such as "localhost:50051": those of --listen, but with the port that
  // was chosen where it says 0, and with localhost where it says every interface. At least one,
  // after Listen.
  const std::vector<std::string>& addresses() const { return addresses_; }

  // The first of them.
  const std::string& address() const { return addresses_.front(); }

  // Where the metrics are; empty without --metrics_address. After Listen.
  std::string metrics_address() const { return monitoring_.address(); }

  // REQUIRES: LoadModel was OK. Valid until Shutdown.
  const Backend& backend() const { return model_->backend(); }

 private:
  // What the metrics are made of.
  Monitoring::Sources MonitoringSources();

  // Who hears how calls end, beside the log.
  std::vector<const CallObserver*> Observers() const;

  // Builds the gRPC server and starts to accept connections for it.
  absl::Status StartAccepting(std::vector<ListeningSockets> listening);

  // Bounds the memory of the process, of which the model has its part by now.
  void BoundMemory();

  // Starts the ticker, which looks for a worker that hangs and for answers that clients leave
  // unread.
  void StartWatching();

  const Options options_;
  std::vector<std::string> addresses_;
  OpenCalls calls_;
  const std::unique_ptr<CallTracer> tracer_;  // null without --otlp_endpoint
  Monitoring monitoring_;
  Authenticator authenticator_;
  Serving serving_;
  const std::vector<Service> services_;
  HealthService health_;
  std::unique_ptr<ServedModel> model_;       // outlives the calls that use it
  std::unique_ptr<AcceptLoop> accept_loop_;  // outlives the connections that it accepted
  std::unique_ptr<grpc::Server> server_;
  CertificateWatch certificate_watch_;  // Listen's, then the ticker's thread's
  std::optional<WorkerWatch> watch_;    // used by the ticker's thread alone
  std::atomic<bool> worker_hangs_ = false;
  std::optional<Ticker> ticker_;  // last: it uses the members above
};

}  // namespace cascade::server
