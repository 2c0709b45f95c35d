// SPDX-License-Identifier: Apache-2.0
// From the value of a flag to what it means. Errors are INVALID_ARGUMENT and name the flag, its
// value and what is allowed.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"

namespace cascade::server {

template <typename Value>
absl::Status FlagError(absl::string_view flag, const Value& value, absl::string_view allowed) {
  return absl::InvalidArgumentError(absl::StrCat("--", flag, "=", value, ": must be ", allowed));
}

// The names that a flag may have, and what each means.
template <typename Value>
using Choices = std::vector<std::pair<absl::string_view, Value>>;

// The choice that `text` names.
template <typename Value>
absl::Status SetChoice(absl::string_view flag, const std::string& text,
                       const Choices<Value>& choices, Value& out) {
  std::vector<absl::string_view> names;
  for (const auto& [name, value] : choices) {
    if (name == text) {
      out = value;
      return absl::OkStatus();
    }
    names.push_back(name);
  }
  return FlagError(flag, text, absl::StrCat("one of ", absl::StrJoin(names, ", ")));
}

struct CountRange {
  std::int32_t least;
  std::int32_t most;
};

// A number within `range`.
absl::Status SetCount(absl::string_view flag, std::int32_t value, CountRange range,
                      std::size_t& out);

// From `least` seconds to a day.
absl::Status SetSeconds(absl::string_view flag, std::int32_t value, std::int32_t least,
                        absl::Duration& out);

// "64KiB", "256MiB", "2GiB", "1048576", "1048576B". INVALID_ARGUMENT for anything else, 0 included.
absl::StatusOr<std::uint64_t> ParseByteSize(absl::string_view text);

}  // namespace cascade::server
