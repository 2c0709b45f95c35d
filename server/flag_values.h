// SPDX-License-Identifier: Apache-2.0
// Converts the values of flags. Each function sets `out` or returns INVALID_ARGUMENT, naming the
// flag, its value and what is allowed.
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"

namespace cascade::server {

template <typename Value>
absl::Status FlagError(absl::string_view flag, const Value& value, absl::string_view allowed) {
  return absl::InvalidArgumentError(absl::StrCat("--", flag, "=", value, ": must be ", allowed));
}

// The names that a flag's value may have, and what each stands for.
template <typename Value>
using Choices = std::vector<std::pair<absl::string_view, Value>>;

// The choice that `text` names.
template <typename Value>
absl::Status SetChoice(absl::string_view flag, const std::string& text,
                       const Choices<Value>& choices, Value& out) {
  std::vector<absl::string_view> names;
  for (const auto& [name, value] : choices) {
    if (absl::EqualsIgnoreCase(name, text)) {
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

// A number from range.least to range.most. The error says that it must be `what` from ... to ...
template <typename Number>
absl::Status SetCount(absl::string_view flag, const std::string& text, CountRange range,
                      Number& out, absl::string_view what = "a number") {
  std::int32_t value = 0;
  if (!absl::SimpleAtoi(text, &value) || value < range.least || value > range.most) {
    return FlagError(flag, text, absl::StrCat(what, " from ", range.least, " to ", range.most));
  }
  out = static_cast<Number>(value);
  return absl::OkStatus();
}

// "auto", which leaves `out` as it is, or a number from range.least to range.most.
absl::Status SetCountOrAuto(absl::string_view flag, const std::string& text, CountRange range,
                            std::optional<std::size_t>& out);

// The mode of a file, "0660": an octal number of at most 0777.
absl::Status SetFileMode(absl::string_view flag, const std::string& text, mode_t& out);

// A number of seconds, from `least` to a day's.
absl::Status SetSeconds(absl::string_view flag, const std::string& text, std::int32_t least,
                        absl::Duration& out);

// A number from 0 to 1.
absl::Status SetRatio(absl::string_view flag, const std::string& text, double& out);

// "auto", one for each CPU that this process may use, or a number from 1 to 1024.
absl::Status SetThreads(absl::string_view flag, const std::string& text, std::size_t& out);

// "auto", which leaves `out` as it is, or a size as ParseByteSize reads it.
absl::Status SetByteSize(absl::string_view flag, const std::string& text,
                         std::optional<std::uint64_t>& out);

// "64KiB", "256MiB", "2GiB", and the same as "64K" or "64Ki"; "1048576", "1048576B".
// INVALID_ARGUMENT for anything else, 0 included.
absl::StatusOr<std::uint64_t> ParseByteSize(absl::string_view text);

}  // namespace cascade::server
