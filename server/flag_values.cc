// SPDX-License-Identifier: Apache-2.0

#include "server/flag_values.h"

#include <array>
#include <charconv>
#include <limits>
#include <system_error>

#include "absl/algorithm/container.h"
#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "server/cgroup.h"

namespace cascade::server {
namespace {

constexpr std::int32_t kMaxSeconds = 86'400;
constexpr std::size_t kMaxThreads = 1024;
constexpr int kOctal = 8;
constexpr mode_t kMaxFileMode = 0777;

}  // namespace

absl::Status SetSeconds(absl::string_view flag, const std::string& text, std::int32_t least,
                        absl::Duration& out) {
  std::size_t seconds = 0;
  absl::Status status = SetCount(flag, text, {least, kMaxSeconds}, seconds, "a number of seconds");
  out = absl::Seconds(seconds);
  return status;
}

absl::Status SetRatio(absl::string_view flag, const std::string& text, double& out) {
  double ratio = 0;
  // Not a number fails both comparisons.
  if (!absl::SimpleAtod(text, &ratio) || !(ratio >= 0 && ratio <= 1)) {
    return FlagError(flag, text, "a number from 0 to 1");
  }
  out = ratio;
  return absl::OkStatus();
}

absl::Status SetCountOrAuto(absl::string_view flag, const std::string& text, CountRange range,
                            std::optional<std::size_t>& out) {
  if (text == "auto") return absl::OkStatus();
  std::int32_t count = 0;
  if (!absl::SimpleAtoi(text, &count) || count < range.least || count > range.most) {
    return FlagError(flag, text,
                     absl::StrCat("auto or a number from ", range.least, " to ", range.most));
  }
  out = static_cast<std::size_t>(count);
  return absl::OkStatus();
}

absl::Status SetFileMode(absl::string_view flag, const std::string& text, mode_t& out) {
  const char* end = text.data() + text.size();
  const auto [parsed, error] = std::from_chars(text.data(), end, out, kOctal);
  if (error == std::errc() && parsed == end && out <= kMaxFileMode) return absl::OkStatus();
  return FlagError(flag, text, "an octal number of at most 0777");
}

absl::Status SetThreads(absl::string_view flag, const std::string& text, std::size_t& out) {
  if (text == "auto") {
    out = CpuLimit();
    return absl::OkStatus();
  }
  if (!absl::SimpleAtoi(text, &out) || out < 1 || out > kMaxThreads) {
    return FlagError(flag, text, absl::StrCat("auto or a number from 1 to ", kMaxThreads));
  }
  return absl::OkStatus();
}

absl::Status SetByteSize(absl::string_view flag, const std::string& text,
                         std::optional<std::uint64_t>& out) {
  if (text == "auto") return absl::OkStatus();
  const absl::StatusOr<std::uint64_t> bytes = ParseByteSize(text);
  if (!bytes.ok()) {
    return FlagError(flag, text,
                     "auto or a size such as 1048576, 512M or 2GiB (units are of 1024, so no GB)");
  }
  out = *bytes;
  return absl::OkStatus();
}

absl::StatusOr<std::uint64_t> ParseByteSize(absl::string_view text) {
  static constexpr std::array<std::pair<absl::string_view, int>, 4> kUnits = {
      {{"K", 10}, {"M", 20}, {"G", 30}, {"T", 40}}};
  absl::string_view digits = text;
  int shift = 0;
  // "GB" would be a thousand millions to some readers, and is none of these.
  const bool is_binary = absl::ConsumeSuffix(&digits, "iB") || absl::ConsumeSuffix(&digits, "i");
  for (const auto& [unit, unit_shift] : kUnits) {
    if (!absl::ConsumeSuffix(&digits, unit)) continue;
    shift = unit_shift;
    break;
  }
  if (!is_binary && shift == 0) absl::ConsumeSuffix(&digits, "B");
  if (is_binary && shift == 0) digits = "";
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
