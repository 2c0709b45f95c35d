// SPDX-License-Identifier: Apache-2.0
// Describes a failed call in words.
#pragma once

#include <grpcpp/support/status.h>

#include <optional>
#include <string>

#include "absl/time/time.h"

namespace cascade::cli {

// Code and message. The field violations of a BadRequest, one a line, stand in the message's place;
// the delay of a RetryInfo comes after it. Without a newline at the end. Details that do not parse
// are left out.
//
//   INVALID_ARGUMENT:
//     sampling.top_p: must be above 0 and at most 1, is 1.5
//     stopping.stop[0]: must not be empty
std::string StatusText(const grpc::Status& status);

// "RESOURCE_EXHAUSTED"; "code 99" for one that gRPC does not define.
std::string CodeName(grpc::StatusCode code);

// The delay after which the client may retry, if the status has a RetryInfo.
std::optional<absl::Duration> RetryDelay(const grpc::Status& status);

}  // namespace cascade::cli
