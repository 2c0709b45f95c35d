// SPDX-License-Identifier: Apache-2.0

#include "server/tracing/otlp_endpoint.h"

#include <cstdint>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "grpcpp/create_channel.h"
#include "grpcpp/security/credentials.h"

namespace cascade::server {
namespace {

constexpr std::uint32_t kMaxPort = 65535;

bool IsHostAndPort(absl::string_view text) {
  const std::size_t colon = text.rfind(':');
  std::uint32_t port = 0;
  return colon != absl::string_view::npos && colon > 0 &&
         text.find_first_of("/ ") == absl::string_view::npos &&
         absl::SimpleAtoi(text.substr(colon + 1), &port) && port >= 1 && port <= kMaxPort;
}

}  // namespace

absl::StatusOr<OtlpEndpoint> ParseOtlpEndpoint(absl::string_view text) {
  absl::string_view target = text;
  OtlpEndpoint endpoint;
  endpoint.tls = absl::ConsumePrefix(&target, "https://");
  if (!endpoint.tls) absl::ConsumePrefix(&target, "http://");
  absl::ConsumeSuffix(&target, "/");
  if (!IsHostAndPort(target)) {
    return absl::InvalidArgumentError(
        absl::StrCat("'", text,
                     "' must be HOST:PORT, http://HOST:PORT or https://HOST:PORT, as in "
                     "localhost:4317: the collector's port for OTLP over gRPC"));
  }
  endpoint.target = std::string(target);
  return endpoint;
}

std::unique_ptr<opentelemetry::proto::collector::trace::v1::TraceService::StubInterface>
NewCollectorStub(const OtlpEndpoint& endpoint) {
  const auto credentials = endpoint.tls ? grpc::SslCredentials(grpc::SslCredentialsOptions())
                                        : grpc::InsecureChannelCredentials();
  return opentelemetry::proto::collector::trace::v1::TraceService::NewStub(
      grpc::CreateChannel(endpoint.target, credentials));
}

}  // namespace cascade::server
