// The way to one server, for the length of one command.
#pragma once

#include <grpcpp/grpcpp.h>

#include <memory>
#include <string>

#include "absl/time/time.h"
#include "cascade/v1/text_generation.grpc.pb.h"
#include "grpc/health/v1/health.grpc.pb.h"

namespace cascade::cli {

// What every subcommand's flags say of the call.
struct CallOptions {
  std::string server = "localhost:50051";
  absl::Duration timeout = absl::InfiniteDuration();
  bool json = false;
};

// A channel to `server`, a target of gRPC's: plain text (no TLS), past any HTTP proxy. Channels to
// the same server share one connection, unless they are to have their own.
std::shared_ptr<grpc::Channel> MakeChannel(const std::string& server, bool own_connection = false);

// The connection is made by the first call.
class Connection {
 public:
  explicit Connection(CallOptions options);

  // Gives `context` the deadline that the options ask for, from now.
  void SetDeadline(grpc::ClientContext& context) const;

  v1::TextGeneration::Stub& text_generation() { return *text_generation_; }
  grpc::health::v1::Health::Stub& health() { return *health_; }

  // Why a call failed, for the user: StatusText(), or, where no server answers at all, how to start
  // one.
  std::string Explain(const grpc::Status& status) const;

 private:
  const CallOptions options_;
  const std::shared_ptr<grpc::Channel> channel_;
  const std::unique_ptr<v1::TextGeneration::Stub> text_generation_;
  const std::unique_ptr<grpc::health::v1::Health::Stub> health_;
};

}  // namespace cascade::cli
