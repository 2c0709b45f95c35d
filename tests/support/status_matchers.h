// SPDX-License-Identifier: Apache-2.0
// GoogleMock matchers for absl::Status and StatusOr.
#pragma once

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/match.h"
#include "gmock/gmock.h"

namespace cascade::testing {

inline const absl::Status& StatusOf(const absl::Status& status) { return status; }

template <typename T>
const absl::Status& StatusOf(const absl::StatusOr<T>& result) {
  return result.status();
}

MATCHER(IsOk, "is OK") {
  *result_listener << StatusOf(arg).ToString();
  return arg.ok();
}

// A refusal with `code` whose message has all of `parts`, in any order.
MATCHER_P2(Refuses, code, parts, "has the code and the message's parts") {
  const absl::Status& status = StatusOf(arg);
  *result_listener << status.ToString();
  if (status.code() != code) return false;
  for (const std::string& part : parts) {
    if (!absl::StrContains(status.message(), part)) {
      *result_listener << ", which lacks \"" << part << "\"";
      return false;
    }
  }
  return true;
}

// INVALID_ARGUMENT whose message has all of `parts`: what a malformed file or value gets.
inline auto IsInvalid(std::vector<std::string> parts) {
  return Refuses(absl::StatusCode::kInvalidArgument, std::move(parts));
}

}  // namespace cascade::testing
