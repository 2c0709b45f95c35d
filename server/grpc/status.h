// SPDX-License-Identifier: Apache-2.0
// Errors on their way to the client.
//
// Inside the server an error is an absl::Status. Its google.rpc details travel as payloads, each
// under its type URL; ToGrpcStatus moves them into the trailer "grpc-status-details-bin". Clients
// show either the status's own message or the details', so both say the same.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "grpcpp/server_context.h"
#include "grpcpp/support/status.h"

namespace cascade::server {

// One thing that is wrong with a request.
struct FieldViolation {
  std::string field;        // a path, such as "sampling.top_p" or "stopping.stop[2]"
  std::string description;  // what is wrong and what would be right
};

// Longest message of BadRequestError. A client takes 8 KiB of trailers unless told otherwise;
// message and details, base64 and percent signs included, stay below that.
inline constexpr std::size_t kMaxViolationsBytes = 1024;

// INVALID_ARGUMENT with google.rpc.BadRequest. The message has one line, "field: description", for
// each violation as far as they fit, and then says how many more there are. REQUIRES: `violations`
// is not empty.
absl::Status BadRequestError(const std::vector<FieldViolation>& violations);

// Adds google.rpc.RetryInfo to `status`: the client should try again after `delay`.
absl::Status WithRetryDelay(absl::Status status, absl::Duration delay);

// True if `status` has RetryInfo.
bool HasRetryDelay(const absl::Status& status);

// A status of this code and message; of the code alone if there is no memory for the message.
absl::Status StatusOrItsCode(absl::StatusCode code, absl::string_view message) noexcept;

// The same code, message and details for gRPC; the code alone if there is no memory for more.
grpc::Status ToGrpcStatus(const absl::Status& status) noexcept;

// If `status` has RetryInfo, adds the trailer "grpc-retry-pushback-ms", which gRPC's own retries
// obey. Call it before Finish.
void AddRetryPushback(const absl::Status& status, grpc::ServerContextBase& context);

}  // namespace cascade::server
