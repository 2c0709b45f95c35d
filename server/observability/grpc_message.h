// SPDX-License-Identifier: Apache-2.0
// A message of gRPC's own log as a line of ours.
#pragma once

#include "absl/strings/string_view.h"
#include "server/observability/logs.h"

namespace cascade::server {

// Why a TLS handshake failed, in plain words, of gRPC's message about it; empty if `message` is
// about something else.
absl::string_view TlsFailure(absl::string_view message);

// Logs the first 1024 bytes of `message`, as a peer may choose a part of it: as "TLS handshake
// failed", with the reason, or as what gRPC said.
void LogGrpcMessage(LogLevel level, absl::string_view message);

}  // namespace cascade::server
