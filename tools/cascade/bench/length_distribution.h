// SPDX-License-Identifier: Apache-2.0
// Distributions of the lengths of prompts and answers, in tokens.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "tools/cascade/bench/random.h"

namespace cascade::cli::bench {

// A distribution as users write it:
//
//   128                  always 128
//   uniform:16-256       each length from 16 to 256 as often as the others
//   lognormal:100-1000   half of them at most 100, one in a hundred cut to 1000: what people send
//   list:16,16,512       each entry as often as the others; write one twice for twice as often
//
// Lengths are from 1 to kMaxLength.
class LengthDistribution {
 public:
  static constexpr std::uint32_t kMaxLength = 1'000'000;

  // Always `length`.
  explicit LengthDistribution(std::uint32_t length);

  // Parses the notation above. INVALID_ARGUMENT, in words for the user, for anything else.
  static absl::StatusOr<LengthDistribution> Parse(absl::string_view text);

  // In [min(), max()].
  std::uint32_t Draw(Random& random) const;

  std::uint32_t min() const;
  std::uint32_t max() const;

  // The text that was parsed.
  const std::string& text() const { return text_; }

 private:
  enum class Kind { kList, kUniform, kLognormal };

  LengthDistribution(Kind kind, std::vector<std::uint32_t> lengths, absl::string_view text);

  Kind kind_;
  std::vector<std::uint32_t> lengths_;  // the list, or the two numbers of a range
  std::string text_;
};

// For Flags.
bool AbslParseFlag(absl::string_view text, LengthDistribution* lengths, std::string* error);

}  // namespace cascade::cli::bench
