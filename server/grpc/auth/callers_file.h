// SPDX-License-Identifier: Apache-2.0
// The file of those who may call, --callers_file.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace cascade::server {

// SHA-256 of a bearer token.
using TokenHash = std::array<std::uint8_t, 32>;

TokenHash HashToken(absl::string_view token);

// What the file says of one caller.
struct TenantSpec {
  std::string name;
  TokenHash token = {};
  std::optional<std::size_t> max_requests = {};         // that run or wait at once
  std::optional<std::uint64_t> tokens_per_minute = {};  // of prompts and answers
  std::optional<int> max_priority = {};                 // in the place of --max_priority
  bool share_prefixes = false;  // true: the prefix cache is shared with the others who share

  friend bool operator==(const TenantSpec&, const TenantSpec&) = default;
};

// Parses the file's text, UTF-8, with 1 to 10,000 callers:
//
//   # a comment
//   NAME SHA256 [max_requests=N] [tokens_per_minute=N] [max_priority=N] [share_prefixes=BOOL]
//
// NAME is 1 to 64 letters, digits, and any of -_.@; SHA256 is 64 hexadecimal digits, what
// `printf %s "$TOKEN" | sha256sum` prints. A name may have several lines with equal settings, each
// with a token of its own, so that a token can be replaced without a gap.
//
// INVALID_ARGUMENT with the number of the first line that is wrong, and what is; or if no line
// names a caller, as while an editor writes the file anew: nobody could call. Never says more of a
// token than its line.
absl::StatusOr<std::vector<TenantSpec>> ParseCallersFile(absl::string_view text);

}  // namespace cascade::server
