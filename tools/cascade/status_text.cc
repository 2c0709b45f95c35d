#include "tools/cascade/status_text.h"

#include <array>
#include <cstddef>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "google/rpc/error_details.pb.h"
#include "google/rpc/status.pb.h"

namespace cascade::cli {
namespace {

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

void AppendViolations(const google::protobuf::Any& detail, std::string* text) {
  google::rpc::BadRequest bad_request;
  if (!detail.UnpackTo(&bad_request)) return;
  for (const auto& violation : bad_request.field_violations()) {
    absl::StrAppend(text, "\n  ", violation.field(), ": ", violation.description());
  }
}

void AppendRetryDelay(const google::protobuf::Any& detail, std::string* text) {
  google::rpc::RetryInfo retry;
  if (!detail.UnpackTo(&retry)) return;
  const absl::Duration delay =
      absl::Seconds(retry.retry_delay().seconds()) + absl::Nanoseconds(retry.retry_delay().nanos());
  absl::StrAppend(text, "\n  try again in ", absl::FormatDuration(delay));
}

}  // namespace

std::string StatusText(const grpc::Status& status) {
  std::string text = absl::StrCat(CodeName(status.error_code()), ": ", status.error_message());
  google::rpc::Status details;
  if (!details.ParseFromString(status.error_details())) return text;
  for (const google::protobuf::Any& detail : details.details()) {
    if (detail.Is<google::rpc::BadRequest>()) AppendViolations(detail, &text);
    if (detail.Is<google::rpc::RetryInfo>()) AppendRetryDelay(detail, &text);
  }
  return text;
}

}  // namespace cascade::cli
