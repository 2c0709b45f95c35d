#include "server/server.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "grpcpp/security/server_credentials.h"
#include "grpcpp/server_builder.h"
#include "server/listen_address.h"
#include "server/observability/logs.h"

namespace cascade::server {
namespace {

// Messages beyond these are refused by gRPC itself, with RESOURCE_EXHAUSTED, before any service
// sees them. A text of kMaxTextBytes and a prompt of a million token ids both fit.
constexpr int kMaxRequestBytes = 4 << 20;

// How long a client that reads slowly has to take its last messages once all work is done.
constexpr absl::Duration kFlushTime = absl::Seconds(5);

// How long connections without calls have to close in good order.
constexpr absl::Duration kGoodbyeTime = absl::Milliseconds(200);

// How often the worker and the open calls are looked at, at least.
constexpr absl::Duration kWatchPeriod = absl::Seconds(1);

// How often a drain looks whether it is hopeless.
constexpr absl::Duration kDrainPeriod = absl::Milliseconds(100);

// Of one connection, beyond the generations that there can be at all: for the short calls.
constexpr std::size_t kMoreStreams = 1024;

void SetConnectionOptions(const Options& options, grpc::ServerBuilder& builder) {
  // Calls that never send their request would else gather without bound.
  const std::size_t most = 2 * (options.worker.max_running + options.worker.max_queued);
  builder.AddChannelArgument(GRPC_ARG_MAX_CONCURRENT_STREAMS,
                             static_cast<int>(most + kMoreStreams));
  builder.SetMaxReceiveMessageSize(kMaxRequestBytes);
  // Two servers on one port would share its clients by chance: a taken port is an error.
  builder.AddChannelArgument(GRPC_ARG_ALLOW_REUSEPORT, 0);
  // A client that vanished without a word is noticed within a minute and a half, and its blocks
  // freed.
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_TIME_MS, 60'000);
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, 20'000);
  // Clients may ping every ten seconds, between calls too, without being told "too many pings".
  builder.AddChannelArgument(GRPC_ARG_HTTP2_MIN_RECV_PING_INTERVAL_WITHOUT_DATA_MS, 10'000);
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_PERMIT_WITHOUT_CALLS, 1);
}

}  // namespace

Server::Server(Options options)
    : options_(std::move(options)),
      serving_(calls_),
      services_(MakeServices(serving_)),
      health_(NamesWithReadiness(services_), calls_) {}

Server::~Server() { Shutdown(); }

absl::Status Server::Listen() {
  if (absl::Status status = CheckCanListen(options_.listen); !status.ok()) return status;
  grpc::ServerBuilder builder;
  int port = 0;
  builder.AddListeningPort(BindAddress(options_.listen), grpc::InsecureServerCredentials(), &port);
  builder.RegisterService(&health_);
  for (const Service& service : services_) builder.RegisterService(service.service.get());
  SetConnectionOptions(options_, builder);
  server_ = builder.BuildAndStart();
  if (server_ == nullptr) {
    return absl::UnavailableError(absl::StrCat("cannot listen on ", options_.listen));
  }
  address_ = DialAddress(options_.listen, port);
  Log(LogLevel::kInfo, "listening", {{"address", address_}, {"model", options_.model_name}});
  return absl::OkStatus();
}

absl::Status Server::LoadModel() {
  absl::StatusOr<std::unique_ptr<ServedModel>> model = ServedModel::Load(options_);
  if (!model.ok()) return model.status();
  model_ = *std::move(model);
  return absl::OkStatus();
}

void Server::StartServing() {
  serving_.Start(model_->backend());
  StartWatching();
  health_.SetReady(true);
  Log(LogLevel::kInfo,
      absl::StrCat("serving; try: grpcurl -plaintext -d '{\"text\": \"Once upon a time\"}' ",
                   address_, " cascade.v1.TextGeneration/GenerateStream"));
}

void Server::StartWatching() {
  const Worker& worker = model_->backend().worker;
  watch_.emplace(WorkerWatch::Subject{.pulse = [&worker] { return worker.pulse(); },
                                      .describe = [&worker] { return worker.DescribeRunning(); }},
                 options_.worker_hang);
  const absl::Duration period =
      std::min({kWatchPeriod, options_.worker_hang / 4, options_.worker.stalled_reader_limit / 4});
  ticker_.emplace(period, [this](absl::Duration passed) {
    worker_hangs_ = watch_->Look(passed);
    health_.SetHanging(worker_hangs_);
    calls_.Advance(passed);
  });
}

absl::Status Server::Drain(absl::Time deadline) {
  health_.SetReady(false);
  serving_.Stop();
  if (model_ == nullptr) return absl::OkStatus();
  Worker& worker = model_->backend().worker;
  worker.StartDrain(deadline);
  while (!worker.AwaitDrained(kDrainPeriod)) {
    if (!worker_hangs_ || absl::Now() < deadline) continue;
    return absl::InternalError(
        absl::StrCat("the worker hangs in a step, longer than --worker_hang_seconds, and what was "
                     "accepted cannot be ended; running: ",
                     worker.DescribeRunning()));
  }
  return absl::OkStatus();
}

void Server::Shutdown() {
  if (server_ == nullptr) return;
  while (!Drain(absl::InfinitePast()).ok()) {
  }
  health_.EndWatches();
  calls_.WaitUntilNone(absl::Now() + kFlushTime);
  server_->Shutdown(absl::ToChronoTime(absl::Now() + kGoodbyeTime));
  server_->Wait();
  ticker_.reset();
  server_.reset();
  model_.reset();
}

}  // namespace cascade::server
