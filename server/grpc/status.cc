#include "server/grpc/status.h"

#include <exception>
#include <new>
#include <optional>
#include <utility>

#include "absl/strings/cord.h"
#include "absl/strings/str_cat.h"
#include "google/rpc/error_details.pb.h"
#include "google/rpc/status.pb.h"

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
  const std::int64_t seconds = absl::IDivDuration(delay, absl::Seconds(1), &delay);
  details.mutable_retry_delay()->set_seconds(seconds);
  details.mutable_retry_delay()->set_nanos(
      static_cast<std::int32_t>(absl::ToInt64Nanoseconds(delay)));
  Attach(details, status);
  return status;
}

absl::Status StatusOfHandlerException() noexcept {
  try {
    try {
      throw;
    } catch (const std::bad_alloc&) {
      return absl::ResourceExhaustedError("memory ran out while the request was read");
    } catch (const std::exception& error) {
      return absl::InternalError(absl::StrCat("the request could not be handled: ", error.what()));
    }
  } catch (...) {  // no memory for a message either
    return absl::Status(absl::StatusCode::kResourceExhausted, "");
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
  const std::int64_t ms = details.retry_delay().seconds() * 1000 +
                          (details.retry_delay().nanos() + 999'999) / 1'000'000;
  context.AddTrailingMetadata("grpc-retry-pushback-ms", absl::StrCat(ms));
}

}  // namespace cascade::server
