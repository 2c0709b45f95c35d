// SPDX-License-Identifier: Apache-2.0

#include "model/checkpoints/measurement.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "model/checkpoints/comparison.h"

namespace cascade::model {
namespace {

// Nine digits tell every float from its neighbors.
std::string Shown(double value) { return absl::StrFormat("%.9g", value); }

std::string TokenAt(std::span<const TokenId> tokens, std::size_t i) {
  return i < tokens.size() ? absl::StrCat(tokens[i]) : "the end";
}

// What stands around byte `at`, as a message can show it.
std::string TextFrom(absl::string_view text, std::size_t at) {
  constexpr std::size_t kShown = 40;
  return absl::StrCat("\"", absl::CHexEscape(text.substr(at, kShown)), "\"");
}

}  // namespace

std::string Describe(const Mismatch& mismatch) {
  std::string text = absl::StrCat(mismatch.what, ", ", mismatch.element, ": expected ",
                                  mismatch.expected, ", found ", mismatch.found);
  if (mismatch.others > 0) absl::StrAppend(&text, " (and ", mismatch.others, " others)");
  return text;
}

void Measurement::Count(std::size_t compared, std::size_t outside, Mismatch mismatch) {
  compared_ += compared;
  outside_ += outside;
  if (outside == 0 || mismatch_) return;
  mismatch.others = outside - 1;
  mismatch_ = std::move(mismatch);
}

void Measurement::CompareMatrices(ConstMatF actual, ConstMatF expected, absl::string_view what) {
  const Difference difference = Compare(actual, expected, tolerance_);
  max_abs_error_ = std::max(max_abs_error_, difference.max_abs_error);
  if (actual.rows() == expected.rows() && actual.cols() == expected.cols()) {
    Count(expected.rows() * expected.cols(), difference.outside,
          {.what = std::string(what),
           .element = absl::StrCat("element [", difference.row, ", ", difference.col, "]"),
           .expected = Shown(static_cast<double>(difference.expected)),
           .found = Shown(static_cast<double>(difference.actual))});
  } else {
    Count(expected.rows() * expected.cols(), difference.outside,
          {.what = std::string(what),
           .element = "shape",
           .expected = absl::StrCat("[", expected.rows(), ", ", expected.cols(), "]"),
           .found = absl::StrCat("[", actual.rows(), ", ", actual.cols(), "]")});
  }
}

void Measurement::CompareNumbers(double actual, double expected, absl::string_view what) {
  double error = std::fabs(actual - expected);
  if (std::isnan(error)) error = std::numeric_limits<double>::infinity();
  max_abs_error_ = std::max(max_abs_error_, error);
  Count(1, error > tolerance_ ? 1 : 0,
        {std::string(what), "the number", Shown(expected), Shown(actual)});
}

void Measurement::CompareTokens(std::span<const TokenId> actual, std::span<const TokenId> expected,
                                absl::string_view what) {
  const auto [got, want] = std::ranges::mismatch(actual, expected);
  const auto first = static_cast<std::size_t>(want - expected.begin());
  // All that follows a wrong token was computed from it.
  const std::size_t outside = std::max(actual.size(), expected.size()) - first;
  Count(std::max<std::size_t>(expected.size(), 1), outside,
        {std::string(what), absl::StrCat("token ", first), TokenAt(expected, first),
         TokenAt(actual, first)});
}

void Measurement::CompareTexts(absl::string_view actual, absl::string_view expected,
                               absl::string_view what) {
  const auto [got, want] =
      std::mismatch(actual.begin(), actual.end(), expected.begin(), expected.end());
  const auto first = static_cast<std::size_t>(want - expected.begin());
  Count(1, actual == expected ? 0 : 1,
        {std::string(what), absl::StrCat("byte ", first), TextFrom(expected, first),
         TextFrom(actual, first)});
}

}  // namespace cascade::model
