// A failed call in words.
#pragma once

#include <grpcpp/support/status.h>

#include <string>

namespace cascade::cli {

// Code and message, then what the google.rpc details add, one line each: every field violation of a
// BadRequest, the delay of a RetryInfo. Without a newline at the end. Details that do not parse are
// left out.
//
//   INVALID_ARGUMENT: 2 fields are wrong
//     sampling.top_p: must be above 0 and at most 1, is 1.5
//     stopping.stop[0]: must not be empty
std::string StatusText(const grpc::Status& status);

}  // namespace cascade::cli
