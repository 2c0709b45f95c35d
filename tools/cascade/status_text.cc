// SPDX-License-Identifier: Apache-2.0

#include "tools/cascade/status_text.h"

#include <array>
#include <cstddef>
#include <set>

#include "absl/algorithm/container.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "absl/time/time.h"
#include "google/rpc/error_details.pb.h"
#include "google/rpc/status.pb.h"

namespace cascade::cli {
namespace {

// One line for each violation. Cascade's message only repeats them, so they replace it.
std::string Violations(const google::rpc::BadRequest& bad_request,
                       std::span<const std::string> flags) {
  std::string text;
  for (const auto& violation : bad_request.field_violations()) {
    const std::string flag = FlagOfField(violation.field(), flags);
    absl::StrAppend(&text, "\n  ", violation.field(), ": ", violation.description(),
                    flag.empty() ? "" : absl::StrCat(" (--", flag, ")"));
  }
  return text;
}

// The words of a flag's or a field's name, in the singular.
std::set<std::string> Words(absl::string_view name) {
  std::set<std::string> words;
  for (absl::string_view word : absl::StrSplit(name, absl::ByAnyChar("._[]"))) {
    const bool is_plural_of_y = absl::ConsumeSuffix(&word, "ies");
    if (!is_plural_of_y) absl::ConsumeSuffix(&word, "s");
    words.insert(absl::StrCat(word, is_plural_of_y ? "y" : ""));
  }
  return words;
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

std::string FlagOfField(absl::string_view field, std::span<const std::string> flags) {
  const std::set<std::string> words_of_field = Words(field);
  std::string found;
  std::size_t most = 0;
  for (const std::string& flag : flags) {
    const std::set<std::string> words = Words(flag);
    if (words.size() < most || !absl::c_includes(words_of_field, words)) continue;
    found = words.size() > most ? flag : "";
    most = words.size();
  }
  return found;
}

std::string StatusText(const grpc::Status& status, std::span<const std::string> flags) {
  std::string message = absl::StrCat(" ", status.error_message());
  const google::rpc::Status details = Details(status);
  for (const google::protobuf::Any& detail : details.details()) {
    google::rpc::BadRequest bad_request;
    if (detail.UnpackTo(&bad_request) && bad_request.field_violations_size() > 0) {
      message = Violations(bad_request, flags);
    }
  }
  const std::optional<absl::Duration> delay = RetryDelay(status);
  const std::string advice =
      delay ? absl::StrCat("\n  try again in ", absl::FormatDuration(*delay)) : "";
  return absl::StrCat(CodeName(status.error_code()), ":", message, advice);
}

}  // namespace cascade::cli
