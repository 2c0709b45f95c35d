// SPDX-License-Identifier: Apache-2.0

#include "server/server.h"

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <functional>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "grpcpp/security/server_credentials.h"
#include "grpcpp/server_builder.h"
#include "server/cgroup.h"
#include "server/engine/clock.h"
#include "server/listener/accept_loop.h"
#include "server/listener/connection_limits.h"
#include "server/listener/listening_socket.h"
#include "server/observability/logs.h"
#include "server/transport_limits.h"

namespace cascade::server {
namespace {

// How long a client that reads slowly has to read its last messages once all work is done.
constexpr absl::Duration kFlushTime = absl::Seconds(5);

// How long clients have to close connections that have no call open.
constexpr absl::Duration kCloseConnectionsTime = absl::Milliseconds(200);

// The longest time between two looks at the worker and the open calls.
constexpr absl::Duration kWatchPeriod = absl::Seconds(1);

// How often a drain looks whether the worker hangs.
constexpr absl::Duration kDrainPeriod = absl::Milliseconds(100);

// How many connections may be handed to gRPC at the same time: it may be long in a call that hands
// one over (HandOverThreads), and holds the acceptor's lock meanwhile.
constexpr int kAcceptors = 4;

using Acceptor = grpc::experimental::ExternalConnectionAcceptor;

// Ways to give connections that were accepted here to a server. gRPC could accept them itself, but
// does so without limits, and never again once it lacked a descriptor.
std::vector<std::shared_ptr<Acceptor>> AddAcceptors(const TlsOptions& tls,
                                                    grpc::ServerBuilder& builder) {
  const std::shared_ptr<grpc::ServerCredentials> credentials = MakeServerCredentials(tls);
  std::vector<std::shared_ptr<Acceptor>> acceptors;
  for (int i = 0; i < kAcceptors; ++i) {
    acceptors.push_back(builder.experimental().AddExternalConnectionAcceptor(
        grpc::ServerBuilder::experimental_type::ExternalConnectionType::FROM_FD, credentials));
  }
  return acceptors;
}

void LogLimits(const ListenOptions& options, ConnectionLimits limits, std::size_t descriptors) {
  const bool too_few = options.max_connections.value_or(0) > limits.total;
  Log(too_few ? LogLevel::kWarning : LogLevel::kInfo,
      too_few ? "--max_connections is more than the file descriptors suffice for" : "connections",
      {{"file_descriptors", descriptors},
       {"max_connections", limits.total},
       {"max_connections_per_peer", limits.per_peer}});
}

void HandOver(Acceptor& acceptor, FileDescriptor connection) {
  Acceptor::NewConnectionParameters parameters;
  parameters.fd = connection.Release();
  parameters.listener_fd = parameters.fd;  // tells gRPC nothing, but later ones refuse -1
  acceptor.HandleNewConnection(&parameters);
}

std::vector<HandOverThreads::HandOver> WaysToHandOver(
    const std::vector<std::shared_ptr<Acceptor>>& acceptors) {
  std::vector<HandOverThreads::HandOver> ways;
  for (const std::shared_ptr<Acceptor>& acceptor : acceptors) {
    ways.emplace_back(
        [acceptor](FileDescriptor connection) { HandOver(*acceptor, std::move(connection)); });
  }
  return ways;
}

// Tokens that anybody on the network can read are no secrets.
void WarnOfPlainTokens(const Options& options) {
  if (options.callers_file.empty() || options.tls.on()) return;
  for (const std::string& address : options.listen.addresses) {
    const absl::string_view host = address;
    const bool is_local = absl::StartsWith(host, "unix:") || absl::StartsWith(host, "localhost:") ||
                          absl::StartsWith(host, "127.") || absl::StartsWith(host, "[::1]:");
    if (is_local) continue;
    Log(LogLevel::kWarning, "bearer tokens are not encrypted: --callers_file without --tls_cert",
        {{"address", address}});
  }
}

std::unique_ptr<CallTracer> MakeTracer(const Options& options) {
  const std::optional<OtlpEndpoint>& endpoint = options.tracing.endpoint;
  if (!endpoint) return nullptr;
  Log(LogLevel::kInfo, "traces",
      {{"collector", endpoint->target},
       {"tls", endpoint->tls ? "yes" : "no"},
       {"ratio", options.tracing.ratio}});
  return std::make_unique<CallTracer>(NewCollectorStub(*endpoint), ExportOptions(),
                                      options.model_name, options.tracing.ratio);
}

// Ends the process before an answer is sent that may be wrong.
void EndNow(const absl::Status& status) {
  WriteLastLine(absl::StrCat("cascade-server: ", status.message()));
  std::_Exit(EXIT_FAILURE);
}

}  // namespace

Server::Server(Options options)
    : options_(std::move(options)),
      tracer_(MakeTracer(options_)),
      monitoring_(MonitoringSources()),
      authenticator_(options_.callers_file),
      serving_(calls_, authenticator_, ServingLimitsOf(options_), Observers()),
      services_(MakeServices(serving_, calls_)),
      health_(NamesWithReadiness(services_), calls_, serving_.memory()),
      certificate_watch_(options_.tls) {}

Server::~Server() { Shutdown(); }

absl::Status Server::Check(const Options& options) {
  absl::Status status;
  if (options.tls.on()) status.Update(ReadCertificate(options.tls).status());
  status.Update(Authenticator(options.callers_file).Read());
  return status.ok() ? ServedModel::Check(options) : status;
}

absl::Status Server::Listen() {
  if (options_.tls.on()) {
    const absl::Status status = ReadCertificate(options_.tls).status();
    if (!status.ok()) return status;
  }
  if (absl::Status status = authenticator_.Read(); !status.ok()) return status;
  std::vector<ListeningSockets> listening;
  for (const std::string& address : options_.listen.addresses) {
    absl::StatusOr<ListeningSockets> sockets = ListenOn(address, options_.listen.unix_socket_mode);
    if (!sockets.ok()) return sockets.status();
    addresses_.push_back(sockets->dial_address);
    listening.push_back(*std::move(sockets));
  }
  if (absl::Status status = StartAccepting(std::move(listening)); !status.ok()) return status;
  if (absl::Status status = monitoring_.Start(options_); !status.ok()) return status;
  certificate_watch_.Look(absl::Now());
  WarnOfPlainTokens(options_);
  for (const std::string& address : addresses_) {
    Log(LogLevel::kInfo, "listening", {{"address", address}, {"model", options_.model_name}});
  }
  return absl::OkStatus();
}

Monitoring::Sources Server::MonitoringSources() {
  return {.model = [this] { return serving_.model(); },
          .alive = [this] { return health_.alive(); },
          .ready = [this] { return health_.ready(); },
          .connections = [this] { return accept_loop_->connections(); },
          .call_memory_bytes = [this] { return serving_.memory().held(); },
          .spans = tracer_ == nullptr ? std::function<SpanCounts()>()
                                      : [this] { return tracer_->counts(); }};
}

std::vector<const CallObserver*> Server::Observers() const {
  std::vector<const CallObserver*> observers = {&monitoring_.calls()};
  if (tracer_ != nullptr) observers.push_back(tracer_.get());
  return observers;
}

absl::Status Server::StartAccepting(std::vector<ListeningSockets> listening) {
  grpc::ServerBuilder builder;
  const std::vector<std::shared_ptr<Acceptor>> acceptors = AddAcceptors(options_.tls, builder);
  builder.RegisterService(&health_);
  for (const Service& service : services_) builder.RegisterService(service.service.get());
  SetTransportLimits(options_, builder);
  server_ = builder.BuildAndStart();
  if (server_ == nullptr) return absl::InternalError("gRPC cannot start its server");
  const std::size_t descriptors = DescriptorLimit();
  const ConnectionLimits limits = LimitsFor(options_.listen, descriptors, options_.memory_bytes);
  absl::StatusOr<std::unique_ptr<AcceptLoop>> accept_loop = AcceptLoop::Start(
      std::move(listening), limits, [] { return PrivateMemory(); }, WaysToHandOver(acceptors));
  if (!accept_loop.ok()) return accept_loop.status();
  accept_loop_ = *std::move(accept_loop);
  accept_loop_->BoundMemory(options_.memory_bytes);
  LogLimits(options_.listen, limits, descriptors);
  return absl::OkStatus();
}

absl::Status Server::LoadModel() {
  absl::StatusOr<std::unique_ptr<ServedModel>> model = ServedModel::Load(options_);
  if (!model.ok()) return model.status();
  model_ = *std::move(model);
  return absl::OkStatus();
}

void Server::StartServing() {
  BoundMemory();
  serving_.Start(model_->backend());
  StartWatching();
  health_.SetReady(true);
  Log(LogLevel::kInfo,
      absl::StrCat("serving; try: grpcurl ", options_.tls.on() ? "-cacert FILE" : "-plaintext",
                   " -d '{\"text\": \"Once upon a time\"}' ", address(),
                   " cascade.v1.TextGeneration/GenerateStream"));
}

void Server::BoundMemory() {
  const std::uint64_t bound = MemoryBound(options_, PrivateMemory());
  accept_loop_->BoundMemory(bound);
  Log(LogLevel::kInfo, "memory",
      {{"memory_bytes", options_.memory_bytes}, {"process_bytes_at_most", bound}});
}

void Server::StartWatching() {
  const Worker& worker = model_->backend().worker;
  watch_.emplace(WorkerWatch::Subject{.pulse = [&worker] { return worker.pulse(); },
                                      .describe = [&worker] { return worker.DescribeRunning(); }},
                 options_.worker_hang);
  const absl::Duration period =
      std::min({kWatchPeriod, options_.worker_hang / 4, options_.worker.stalled_reader_limit / 4});
  ticker_.emplace(period, [this](absl::Duration passed) {
    if (absl::Status status = model_->YieldPackedFile(); !status.ok()) EndNow(status);
    worker_hangs_ = watch_->Look(passed);
    health_.SetHanging(worker_hangs_);
    calls_.Advance(passed);
    certificate_watch_.Look(absl::Now());
    authenticator_.Look();
  });
}

absl::Status Server::Drain(absl::Time deadline) {
  health_.SetReady(false);
  serving_.Stop();
  if (model_ == nullptr) return absl::OkStatus();
  Worker& worker = model_->backend().worker;
  worker.StartDrain(deadline);
  while (!worker.AwaitDrained(kDrainPeriod)) {
    if (!worker_hangs_ || MonotonicNow() < deadline) continue;
    return absl::InternalError(
        absl::StrCat("the worker hangs in a step, longer than --worker_hang_seconds, and what was "
                     "accepted cannot be ended; running: ",
                     worker.DescribeRunning()));
  }
  return absl::OkStatus();
}

void Server::Shutdown() {
  if (server_ == nullptr) return;
  while (!Drain(absl::InfinitePast()).ok()) {  // the worker hangs: nothing can be destroyed yet
  }
  health_.EndWatches();
  calls_.EndIdle();
  calls_.WaitUntilNone(kFlushTime);
  if (accept_loop_ != nullptr) accept_loop_->Stop();
  server_->Shutdown(absl::ToChronoTime(absl::Now() + kCloseConnectionsTime));
  server_->Wait();
  ticker_.reset();
  monitoring_.Stop();
  if (tracer_ != nullptr) tracer_->Stop();
  server_.reset();
  accept_loop_.reset();
  model_.reset();
}

}  // namespace cascade::server
