// SPDX-License-Identifier: Apache-2.0

#include "server/grpc/status.h"

#include <new>
#include <optional>
#include <utility>

#include "absl/strings/cord.h"
#include "absl/strings/str_cat.h"
#include "google/rpc/error_details.pb.h"
#include "google/rpc/status.pb.h"
#include "server/grpc/duration.h"

namespace cascade::server {
namespace {

template <typename Detail>
std::string TypeUrl() {
  return absl::StrCat("type.googleapis.com/", Detail::descriptor()->full_name());
}

template <typename Detail>
void Attach(const Detail& detail, absl::Status& status) {
  status.SetPayload(TypeUrl<Detail>(), absl::Cord(detail.SerializeAsString()));
}

}  // namespace

absl::Status BadRequestError(const std::vector<FieldViolation>& violations) {
  google::rpc::BadRequest details;
  std::string message;
  for (const FieldViolation& violation : violations) {
    const std::string line =
        absl::StrCat(message.empty() ? "" : "\n", violation.field, ": ", violation.description);
    if (!message.empty() && message.size() + line.size() > kMaxViolationsBytes) {
      const std::size_t reported = static_cast<std::size_t>(details.field_violations_size());
      absl::StrAppend(&message, "\nand ", violations.size() - reported, " more");
      break;
    }
    message += line;
    google::rpc::BadRequest::FieldViolation& entry = *details.add_field_violations();
    entry.set_field(violation.field);
    entry.set_description(violation.description);
  }
  absl::Status status = absl::InvalidArgumentError(message);
  Attach(details, status);
  return status;
}

absl::Status WithRetryDelay(absl::Status status, absl::Duration delay) {
  google::rpc::RetryInfo details;
  ToProto(delay, *details.mutable_retry_delay());
  Attach(details, status);
  return status;
}

bool HasRetryDelay(const absl::Status& status) {
  return status.GetPayload(TypeUrl<google::rpc::RetryInfo>()).has_value();
}

absl::Status StatusOrItsCode(absl::StatusCode code, absl::string_view message) noexcept {
  try {
    return absl::Status(code, message);
  } catch (const std::bad_alloc&) {
    return absl::Status(code, "");
  }
}

grpc::Status ToGrpcStatus(const absl::Status& status) noexcept {
  if (status.ok()) return grpc::Status::OK;
  const auto code = static_cast<grpc::StatusCode>(status.code());  // the same canonical numbers
  try {
    google::rpc::Status details;
    details.set_code(static_cast<int>(code));
    details.set_message(std::string(status.message()));
    status.ForEachPayload([&details](absl::string_view type_url, const absl::Cord& payload) {
      google::protobuf::Any& any = *details.add_details();
      any.set_type_url(std::string(type_url));
      any.set_value(std::string(payload));
    });
    if (details.details().empty()) return {code, details.message()};
    return {code, details.message(), details.SerializeAsString()};
  } catch (const std::bad_alloc&) {
    return {code, ""};
  }
}

void AddRetryPushback(const absl::Status& status, grpc::ServerContextBase& context) {
  const absl::optional<absl::Cord> payload = status.GetPayload(TypeUrl<google::rpc::RetryInfo>());
  google::rpc::RetryInfo details;
  if (!payload.has_value() || !details.ParseFromString(std::string(*payload))) return;
  const absl::Duration delay = absl::Ceil(ToDuration(details.retry_delay()), absl::Milliseconds(1));
  context.AddTrailingMetadata("grpc-retry-pushback-ms",
                              absl::StrCat(absl::ToInt64Milliseconds(delay)));
}

}  // namespace cascade::server
