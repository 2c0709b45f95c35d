// SPDX-License-Identifier: Apache-2.0
// What a call's metadata says of its place in other programs' records.
#pragma once

#include <cstddef>
#include <string>

#include "absl/strings/string_view.h"
#include "grpcpp/server_context.h"

namespace cascade::server {

inline constexpr std::size_t kMaxRequestIdBytes = 128;

// True if `id` is printable ASCII: it can stand in a log as it is.
bool IsPrintableAscii(absl::string_view id);

// Each but the peer is empty where the caller did not send it, or sent something else than it must
// be.
struct Correlation {
  std::string peer;  // as gRPC writes it: "ipv4:192.0.2.1:5000"; empty if the call is a test's
  absl::string_view request_id;      // x-request-id: printable, at most kMaxRequestIdBytes
  absl::string_view correlation_id;  // x-correlation-id: the same
  absl::string_view traceparent;     // W3C Trace Context, section 3.2: "00-<trace id>-<span id>-01"

  // What a request without an id of its own is called; empty if a new id must be made.
  absl::string_view RequestIdToTake() const {
    return request_id.empty() ? correlation_id : request_id;
  }
};

// Reads it from the metadata, which it borrows from `context`. Proxies add these headers, so a
// malformed one is no error of the request. Of one that is repeated the first counts. Empty if
// there is no memory for it.
Correlation CorrelationOf(const grpc::CallbackServerContext& context) noexcept;

// True if `value` is a traceparent header: version, trace id, span id and flags in lower-case
// hexadecimal digits, neither id all zeros. A version after 00 may have more behind the flags.
bool IsTraceparent(absl::string_view value);

}  // namespace cascade::server
