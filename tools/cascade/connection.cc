// SPDX-License-Identifier: Apache-2.0

#include "tools/cascade/connection.h"

#include <fstream>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "grpcpp/support/client_interceptor.h"
#include "tools/cascade/status_text.h"
#include "tools/cascade/text.h"

namespace cascade::cli {
namespace {

constexpr std::size_t kMaxPemBytes = std::size_t{4} << 20;

absl::Status ReadFile(absl::string_view flag, const std::string& path, std::string& text) {
  if (path.empty()) return absl::OkStatus();
  std::ifstream file(path, std::ios::binary);
  std::optional<std::string> content = ReadAtMost(file, kMaxPemBytes);
  if (!file.is_open() || file.bad() || !content || content->empty()) {
    return absl::InvalidArgumentError(
        absl::StrCat("--", flag, "=", path, ": no file that can be read"));
  }
  text = *std::move(content);
  return absl::OkStatus();
}

// Adds the bearer token to each call. gRPC's own call credentials would refuse to do so without
// TLS, behind a proxy that ends it, too.
class TokenSender final : public grpc::experimental::Interceptor {
 public:
  explicit TokenSender(const std::string& token) : header_(absl::StrCat("Bearer ", token)) {}

  void Intercept(grpc::experimental::InterceptorBatchMethods* methods) override {
    using Point = grpc::experimental::InterceptionHookPoints;
    if (methods->QueryInterceptionHookPoint(Point::PRE_SEND_INITIAL_METADATA)) {
      methods->GetSendInitialMetadata()->emplace("authorization", header_);
    }
    methods->Proceed();
  }

 private:
  const std::string header_;
};

class TokenSenderFactory final : public grpc::experimental::ClientInterceptorFactoryInterface {
 public:
  explicit TokenSenderFactory(std::string token) : token_(std::move(token)) {}

  grpc::experimental::Interceptor* CreateClientInterceptor(
      grpc::experimental::ClientRpcInfo* /*info*/) override {
    return new TokenSender(token_);  // gRPC owns it
  }

 private:
  const std::string token_;
};

// Of all servers, with `first`, a channel to the first of them.
std::vector<client::Replicas::Replica> ReplicasOf(const CallOptions& options,
                                                  std::shared_ptr<grpc::Channel> first) {
  std::vector<client::Replicas::Replica> replicas;
  for (const std::string& server : ServersOf(options)) {
    std::shared_ptr<grpc::Channel> channel =
        replicas.empty() ? std::move(first) : MakeChannel(options, server);
    replicas.push_back({.address = server, .channel = std::move(channel)});
  }
  return replicas;
}

}  // namespace

std::vector<std::string> ServersOf(const CallOptions& options) {
  const absl::string_view servers = options.server;
  if (absl::StartsWith(servers, "ipv4:") || absl::StartsWith(servers, "ipv6:")) {
    return {options.server};
  }
  return absl::StrSplit(servers, ',', absl::SkipWhitespace());
}

absl::StatusOr<Credentials> ReadCredentials(const CallOptions& options) {
  grpc::SslCredentialsOptions files;
  Credentials credentials;
  absl::Status status = ReadFile("ca", options.ca, files.pem_root_certs);
  status.Update(ReadFile("client_cert", options.client_cert, files.pem_cert_chain));
  status.Update(ReadFile("client_key", options.client_key, files.pem_private_key));
  status.Update(ReadFile("token_file", options.token_file, credentials.token));
  if (!status.ok()) return status;
  absl::StripAsciiWhitespace(&credentials.token);
  credentials.channel =
      options.tls ? grpc::SslCredentials(files) : grpc::InsecureChannelCredentials();
  return credentials;
}

std::shared_ptr<grpc::Channel> MakeChannel(const CallOptions& options, const std::string& server,
                                           bool own_connection) {
  grpc::ChannelArguments arguments;
  arguments.SetInt(GRPC_ARG_ENABLE_HTTP_PROXY, 0);
  arguments.SetInt(GRPC_ARG_MIN_RECONNECT_BACKOFF_MS, 10'000);  // of a connection attempt, too
  arguments.SetInt(GRPC_ARG_MAX_RECONNECT_BACKOFF_MS, 2'000);   // a server may be back any moment
  arguments.SetInt(GRPC_ARG_KEEPALIVE_TIME_MS, 30'000);
  arguments.SetInt(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, 20'000);
  arguments.SetInt(GRPC_ARG_HTTP2_MAX_PINGS_WITHOUT_DATA, 0);  // no limit: a queue may be long
  arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, own_connection ? 1 : 0);
  const Credentials credentials = *ReadCredentials(options);
  if (credentials.token.empty()) {
    return grpc::CreateCustomChannel(server, credentials.channel, arguments);
  }
  std::vector<std::unique_ptr<grpc::experimental::ClientInterceptorFactoryInterface>> interceptors;
  interceptors.push_back(std::make_unique<TokenSenderFactory>(credentials.token));
  return grpc::experimental::CreateCustomChannelWithInterceptors(
      server, credentials.channel, arguments, std::move(interceptors));
}

Connection::Connection(CallOptions options)
    : options_(std::move(options)),
      channel_(MakeChannel(options_, ServersOf(options_).front())),
      replicas_(ReplicasOf(options_, channel_), options_.by_prefix
                                                    ? client::Replicas::Choice::kByPrefix
                                                    : client::Replicas::Choice::kRoundRobin),
      text_generation_(v1::TextGeneration::NewStub(channel_)),
      health_(grpc::health::v1::Health::NewStub(channel_)) {}

void Connection::SetDeadline(grpc::ClientContext& context) const {
  if (options_.timeout == absl::InfiniteDuration()) return;
  context.set_deadline(absl::ToChronoTime(absl::Now() + options_.timeout));
}

std::string Connection::Explain(const grpc::Status& status) const {
  const bool unreachable = status.error_code() == grpc::StatusCode::UNAVAILABLE &&
                           channel_->GetState(false) == GRPC_CHANNEL_TRANSIENT_FAILURE;
  if (status.error_code() == grpc::StatusCode::DEADLINE_EXCEEDED) {
    return absl::StrCat(StatusText(status, options_.value_flags), "\n  --timeout is ",
                        absl::FormatDuration(options_.timeout), "; --timeout=0 waits for ever.");
  }
  if (!unreachable) return StatusText(status, options_.value_flags);
  if (absl::StrContains(status.error_message(), "certificate verify failed")) {
    return absl::StrCat(
        "the certificate of ", options_.server, " is not to be trusted\n  ", status.error_message(),
        "\n  --ca=FILE names the authority of a server; its certificate must be for "
        "the host that --server names, and not have expired.");
  }
  return absl::StrCat(
      "no server answers at ", options_.server, options_.tls ? " with TLS" : "", "\n  ",
      status.error_message(),
      "\n  Start one with `make run` or `cascade-server --model=FOLDER`, or name another with "
      "--server=HOST:PORT",
      options_.tls ? "." : "; one with TLS needs --tls.");
}

}  // namespace cascade::cli
