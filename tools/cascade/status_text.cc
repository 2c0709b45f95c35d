// SPDX-License-Identifier: Apache-2.0

#include "tools/cascade/status_text.h"

#include <array>
#include <cstddef>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "google/rpc/error_details.pb.h"
#include "google/rpc/status.pb.h"

namespace cascade::cli {
namespace {

// One line for each violation. Cascade's message only repeats them, so they replace it.
std::string Violations(const google::rpc::BadRequest& bad_request) {
  std::string text;
  for (const auto& violation : bad_request.field_violations()) {
    absl::StrAppend(&text, "\n  ", violation.field(), ": ", violation.description());
  }
  return text;
}

google::rpc::Status Details(const grpc::Status& status) {
  google::rpc::Status details;
  if (!details.ParseFromString(status.error_details())) details.Clear();
  return details;
}

}  // namespace

std::string CodeName(grpc::StatusCode code) {
  static constexpr std::array kNames = {"OK",
                                        "CANCELLED",
                                        "UNKNOWN",
                                        "INVALID_ARGUMENT",
                                        "DEADLINE_EXCEEDED",
                                        "NOT_FOUND",
                                        "ALREADY_EXISTS",
                                        "PERMISSION_DENIED",
                                        "RESOURCE_EXHAUSTED",
                                        "FAILED_PRECONDITION",
                                        "ABORTED",
                                        "OUT_OF_RANGE",
                                        "UNIMPLEMENTED",
                                        "INTERNAL",
                                        "UNAVAILABLE",
                                        "DATA_LOSS",
                                        "UNAUTHENTICATED"};
  const auto index = static_cast<std::size_t>(code);
  return index < kNames.size() ? kNames.at(index) : absl::StrCat("code ", static_cast<int>(code));
}

std::optional<absl::Duration> RetryDelay(const grpc::Status& status) {
  std::optional<absl::Duration> delay;
  const google::rpc::Status details = Details(status);
  for (const google::protobuf::Any& detail : details.details()) {
    google::rpc::RetryInfo retry;
    if (!detail.UnpackTo(&retry)) continue;
    delay = absl::Seconds(retry.retry_delay().seconds()) +
            absl::Nanoseconds(retry.retry_delay().nanos());
  }
  return delay;
}

std::string StatusText(const grpc::Status& status) {
  std::string message = absl::StrCat(" ", status.error_message());
  const google::rpc::Status details = Details(status);
  for (const google::protobuf::Any& detail : details.details()) {
    google::rpc::BadRequest bad_request;
    if (detail.UnpackTo(&bad_request) && bad_request.field_violations_size() > 0) {
      message = Violations(bad_request);
    }
  }
  const std::optional<absl::Duration> delay = RetryDelay(status);
  const std::string advice =
      delay ? absl::StrCat("\n  try again in ", absl::FormatDuration(*delay)) : "";
  return absl::StrCat(CodeName(status.error_code()), ":", message, advice);
}

}  // namespace cascade::cli
