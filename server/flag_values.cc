// SPDX-License-Identifier: Apache-2.0

#include "server/flag_values.h"

#include <array>
#include <limits>

#include "absl/algorithm/container.h"
#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/strip.h"

namespace cascade::server {
namespace {

constexpr std::int32_t kMaxSeconds = 86'400;

}  // namespace

absl::Status SetCount(absl::string_view flag, std::int32_t value, CountRange range,
                      std::size_t& out) {
  if (value < range.least || value > range.most) {
    return FlagError(flag, value, absl::StrCat("from ", range.least, " to ", range.most));
  }
  out = static_cast<std::size_t>(value);
  return absl::OkStatus();
}

absl::Status SetSeconds(absl::string_view flag, std::int32_t value, std::int32_t least,
                        absl::Duration& out) {
  std::size_t seconds = 0;
  absl::Status status = SetCount(flag, value, {least, kMaxSeconds}, seconds);
  out = absl::Seconds(seconds);
  return status;
}

absl::StatusOr<std::uint64_t> ParseByteSize(absl::string_view text) {
  static constexpr std::array<std::pair<absl::string_view, int>, 5> kUnits = {
      {{"KiB", 10}, {"MiB", 20}, {"GiB", 30}, {"TiB", 40}, {"B", 0}}};
  absl::string_view digits = text;
  int shift = 0;
  for (const auto& [unit, unit_shift] : kUnits) {
    if (!absl::ConsumeSuffix(&digits, unit)) continue;
    shift = unit_shift;
    break;
  }
  std::uint64_t count = 0;
  const bool all_digits = !digits.empty() && absl::c_all_of(digits, absl::ascii_isdigit);
  if (!all_digits || !absl::SimpleAtoi(digits, &count) || count == 0 ||
      count > (std::numeric_limits<std::uint64_t>::max() >> shift)) {
    return absl::InvalidArgumentError(
        absl::StrCat("'", text, "' is not a size such as 1048576, 64KiB, 256MiB or 2GiB"));
  }
  return count << shift;
}

}  // namespace cascade::server
