// SPDX-License-Identifier: Apache-2.0

#include "tests/hostile/calls_at_once.h"

#include <algorithm>

#include "absl/strings/str_cat.h"

namespace cascade::testing {

std::string ToString(const StatusCounts& counts) {
  std::string text;
  for (const auto& [code, count] : counts) {
    absl::StrAppend(&text, text.empty() ? "" : ", ", count.calls, " calls with ", code, " (",
                    count.message, ")");
  }
  return text;
}

bool AreAllIn(const StatusCounts& counts, const std::vector<grpc::StatusCode>& allowed) {
  return std::all_of(counts.begin(), counts.end(), [&](const auto& entry) {
    return std::find(allowed.begin(), allowed.end(), entry.first) != allowed.end();
  });
}

}  // namespace cascade::testing
