// SPDX-License-Identifier: Apache-2.0
// Describes a failed call in words.
#pragma once

#include <grpcpp/support/status.h>

#include <optional>
#include <span>
#include <string>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"

namespace cascade::cli {

// Code and message. The field violations of a BadRequest, one a line, stand in the message's place,
// each with the one of `flags` that sets the field; the delay of a RetryInfo comes after it.
// Without a newline at the end. Details that do not parse are left out.
//
//   INVALID_ARGUMENT:
//     sampling.top_p: must be above 0 and at most 1, is 1.5 (--top_p)
//     stopping.stop[0]: must not be empty (--stop)
std::string StatusText(const grpc::Status& status, std::span<const std::string> flags = {});

// Which of `flags` sets the request's `field`, as far as the names tell: the flag with the most
// words of which the field has all, in the singular or the plural. It is repetition_penalty for
// penalties.repetition, and choice_temperature for sampling.per_choice[1].temperature. Empty if
// there is none, or if several have the most.
std::string FlagOfField(absl::string_view field, std::span<const std::string> flags);

// "RESOURCE_EXHAUSTED"; "code 99" for one that gRPC does not define.
std::string CodeName(grpc::StatusCode code);

// The delay after which the client may retry, if the status has a RetryInfo.
std::optional<absl::Duration> RetryDelay(const grpc::Status& status);

}  // namespace cascade::cli
