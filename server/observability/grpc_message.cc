// SPDX-License-Identifier: Apache-2.0

#include "server/observability/grpc_message.h"

#include <cstddef>
#include <utility>

#include "absl/strings/match.h"

namespace cascade::server {
namespace {

constexpr std::size_t kMaxMessageBytes = 1024;

// OpenSSL's reasons, and what they mean on a server. The first that the message has counts.
constexpr std::pair<absl::string_view, absl::string_view> kReasons[] = {
    {"http request", "the client spoke HTTP without TLS"},
    {"wrong version number", "the client spoke no TLS"},
    {"packet length too long", "the client spoke no TLS"},
    {"unsupported protocol", "the client's TLS is older than 1.2"},
    {"version too low", "the client's TLS is older than 1.2"},
    {"did not return a certificate",
     "the client sent no certificate, which --tls_client_ca asks for"},
    {"certificate verify failed", "the client's certificate is not valid for --tls_client_ca"},
    {"no shared cipher", "the client has no cipher in common with the server"},
    {"alert unknown ca", "the client does not trust the server's certificate"},
    {"alert certificate expired", "the client says that the server's certificate has expired"},
    {"alert certificate unknown", "the client does not accept the server's certificate"},
    {"alert bad certificate", "the client does not accept the server's certificate"},
    {"unexpected eof", "the client closed the connection"},
};

}  // namespace

absl::string_view TlsFailure(absl::string_view message) {
  if (!absl::StrContains(message, "Handshake failed with fatal error")) return {};
  for (const auto& [reason, meaning] : kReasons) {
    if (absl::StrContains(message, reason)) return meaning;
  }
  return "see what gRPC said";
}

void LogGrpcMessage(LogLevel level, absl::string_view message) {
  const absl::string_view said = message.substr(0, kMaxMessageBytes);
  const absl::string_view reason = TlsFailure(said);
  if (reason.empty()) return Log(level, "grpc", {{"said", said}});
  Log(level, "TLS handshake failed", {{"reason", reason}, {"said", said}});
}

}  // namespace cascade::server
