// SPDX-License-Identifier: Apache-2.0
// Where the collector is.
#pragma once

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "opentelemetry/proto/collector/trace/v1/trace_service.grpc.pb.h"

namespace cascade::server {

struct OtlpEndpoint {
  std::string target;  // "HOST:PORT"
  bool tls = false;
};

// Of "HOST:PORT" or "http://HOST:PORT", both without TLS, or "https://HOST:PORT".
// INVALID_ARGUMENT, saying what it must be, for everything else.
absl::StatusOr<OtlpEndpoint> ParseOtlpEndpoint(absl::string_view text);

// A channel to it, which connects when it is first used. With TLS, the authorities are those that
// gRPC trusts: the system's, or the file of GRPC_DEFAULT_SSL_ROOTS_FILE_PATH.
std::unique_ptr<opentelemetry::proto::collector::trace::v1::TraceService::StubInterface>
NewCollectorStub(const OtlpEndpoint& endpoint);

}  // namespace cascade::server
