// SPDX-License-Identifier: Apache-2.0
// The connection of one command to a server, or to several of the same model.
#pragma once

#include <grpcpp/grpcpp.h>

#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "cascade/v1/text_generation.grpc.pb.h"
#include "client/replicas.h"
#include "client/unbroken_stream.h"
#include "grpc/health/v1/health.grpc.pb.h"

namespace cascade::cli {

// The values of the flags that every subcommand which calls a server has.
struct CallOptions {
  std::string server = "localhost:50051";  // or several, separated by commas
  bool tls = false;
  std::string ca;           // a PEM file of authorities; empty: the system's
  std::string client_cert;  // PEM files of mutual TLS; empty: none
  std::string client_key;
  std::string token_file;  // has the bearer token that calls show; empty: none
  absl::Duration timeout = absl::InfiniteDuration();  // of each call
  bool json = false;
  std::vector<std::string> value_flags;  // the subcommand's flags but switches: errors name them

  // Of commands that generate, if there are several servers.
  bool by_prefix = false;  // prompts that begin alike go to the same server
  absl::Duration hedge_after = absl::InfiniteDuration();  // as client::StreamOptions
};

// What a channel shows of who calls.
struct Credentials {
  std::shared_ptr<grpc::ChannelCredentials> channel;
  std::string token;  // empty: none
};

// Reads the files that `options` names. INVALID_ARGUMENT, naming the flag, if one cannot be read.
absl::StatusOr<Credentials> ReadCredentials(const CallOptions& options);

// The servers of options.server, each a gRPC target. (A target of the schemes ipv4 and ipv6 may
// itself have commas: it is one.)
std::vector<std::string> ServersOf(const CallOptions& options);

// Makes a channel to `server`, a gRPC target, with TLS if `options` says so and without an
// HTTP proxy. Channels to the same server share one connection unless `own_connection` is true.
// Whatever the deadline, a call fails if no connection is made within 10 seconds, or if the
// server's process or machine does not answer pings for 50. REQUIRES: ReadCredentials was OK.
std::shared_ptr<grpc::Channel> MakeChannel(const CallOptions& options, const std::string& server,
                                           bool own_connection = false);

// The first call opens the connection. What no stream of text is, asks the first server alone.
class Connection {
 public:
  explicit Connection(CallOptions options);

  // Sets the deadline of `context` to now plus the timeout of the options.
  void SetDeadline(grpc::ClientContext& context) const;

  v1::TextGeneration::Stub& text_generation() { return *text_generation_; }
  grpc::health::v1::Health::Stub& health() { return *health_; }

  // For streams of text, which any of the servers can give, and which outlive the one that they
  // began on.
  client::Replicas& replicas() { return replicas_; }
  client::StreamOptions stream_options() const {
    return {.timeout = options_.timeout, .hedge_after = options_.hedge_after};
  }

  // Explains to the user why a call failed: StatusText(), with the flags of wrong fields, and the
  // flag that allows more time if there was too little; or, if no server can be reached, how to
  // start one.
  std::string Explain(const grpc::Status& status) const;

 private:
  const CallOptions options_;
  const std::shared_ptr<grpc::Channel> channel_;  // to the first server
  client::Replicas replicas_;
  const std::unique_ptr<v1::TextGeneration::Stub> text_generation_;
  const std::unique_ptr<grpc::health::v1::Health::Stub> health_;
};

}  // namespace cascade::cli
