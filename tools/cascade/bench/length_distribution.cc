// SPDX-License-Identifier: Apache-2.0

#include "tools/cascade/bench/length_distribution.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"

namespace cascade::cli::bench {
namespace {

// The normal distribution's 99th percentile.
constexpr double kNormalP99 = 2.3263478740408408;

using Lengths = std::vector<std::uint32_t>;

absl::StatusOr<Lengths> ParseLengths(const std::vector<absl::string_view>& words) {
  Lengths lengths;
  for (const absl::string_view word : words) {
    std::uint32_t length = 0;
    if (!absl::SimpleAtoi(word, &length) || length < 1 || length > LengthDistribution::kMaxLength) {
      return absl::InvalidArgumentError(absl::StrCat("\"", word, "\" is not a length from 1 to ",
                                                     LengthDistribution::kMaxLength));
    }
    lengths.push_back(length);
  }
  return lengths;
}

absl::StatusOr<Lengths> ParseRange(absl::string_view text) {
  absl::StatusOr<Lengths> range = ParseLengths(absl::StrSplit(text, '-'));
  if (range.ok() && (range->size() != 2 || range->front() > range->back())) {
    return absl::InvalidArgumentError(
        absl::StrCat("\"", text, "\" is not a range such as 16-256, the smaller length first"));
  }
  return range;
}

}  // namespace

LengthDistribution::LengthDistribution(std::uint32_t length)
    : LengthDistribution(Kind::kList, {length}, absl::StrCat(length)) {}

LengthDistribution::LengthDistribution(Kind kind, std::vector<std::uint32_t> lengths,
                                       absl::string_view text)
    : kind_(kind), lengths_(std::move(lengths)), text_(text) {}

absl::StatusOr<LengthDistribution> LengthDistribution::Parse(absl::string_view text) {
  absl::string_view rest = text;
  Kind kind = Kind::kList;
  absl::StatusOr<Lengths> lengths;
  if (absl::ConsumePrefix(&rest, "uniform:")) {
    kind = Kind::kUniform;
    lengths = ParseRange(rest);
  } else if (absl::ConsumePrefix(&rest, "lognormal:")) {
    kind = Kind::kLognormal;
    lengths = ParseRange(rest);
  } else if (absl::ConsumePrefix(&rest, "list:")) {
    lengths = ParseLengths(absl::StrSplit(rest, ','));
  } else {
    lengths = ParseLengths({text});
  }
  if (!lengths.ok()) {
    return absl::InvalidArgumentError(
        absl::StrCat(lengths.status().message(),
                     " (write 128, uniform:16-256, lognormal:MEDIAN-MAX or list:16,64,512)"));
  }
  return LengthDistribution(kind, *std::move(lengths), text);
}

std::uint32_t LengthDistribution::Draw(Random& random) const {
  switch (kind_) {
    case Kind::kUniform:
      return UniformInt(lengths_.front(), lengths_.back(), random);
    case Kind::kLognormal: {
      const double median = lengths_.front();
      const double most = lengths_.back();
      const double sigma = std::log(most / median) / kNormalP99;
      const double length = std::round(median * std::exp(sigma * Normal(random)));
      return static_cast<std::uint32_t>(std::clamp(length, 1.0, most));
    }
    case Kind::kList:
      break;
  }
  return lengths_.at(UniformInt(0, static_cast<std::uint32_t>(lengths_.size() - 1), random));
}

std::uint32_t LengthDistribution::min() const {
  return kind_ == Kind::kLognormal ? 1 : *std::min_element(lengths_.begin(), lengths_.end());
}

std::uint32_t LengthDistribution::max() const {
  return *std::max_element(lengths_.begin(), lengths_.end());
}

bool AbslParseFlag(absl::string_view text, LengthDistribution* lengths, std::string* error) {
  absl::StatusOr<LengthDistribution> parsed = LengthDistribution::Parse(text);
  if (parsed.ok()) {
    *lengths = *std::move(parsed);
    return true;
  }
  *error = std::string(parsed.status().message());
  return false;
}

}  // namespace cascade::cli::bench
