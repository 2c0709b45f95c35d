// SPDX-License-Identifier: Apache-2.0

#include "model/checkpoints/comparison.h"

#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>

namespace cascade::model {
namespace {

double AbsoluteError(float actual, float expected) {
  if (actual == expected) return 0;  // infinities too
  const double error = std::fabs(static_cast<double>(actual) - static_cast<double>(expected));
  return std::isnan(error) ? std::numeric_limits<double>::infinity() : error;
}

bool SameBits(float a, float b) {
  return std::bit_cast<std::uint32_t>(a) == std::bit_cast<std::uint32_t>(b);
}

}  // namespace

Difference Compare(ConstMatF actual, ConstMatF expected, double tolerance) {
  if (actual.rows() != expected.rows() || actual.cols() != expected.cols()) {
    return {.max_abs_error = std::numeric_limits<double>::infinity(), .outside = 1};
  }
  Difference difference;
  for (std::size_t r = 0; r < expected.rows(); ++r) {
    for (std::size_t c = 0; c < expected.cols(); ++c) {
      const float got = actual.Row(r)[c];
      const float want = expected.Row(r)[c];
      if (SameBits(got, want) && !std::isnan(got)) continue;
      const double error = AbsoluteError(got, want);
      const bool is_outside = tolerance == 0 || error > tolerance;
      if (is_outside) ++difference.outside;
      // The first element outside is named even where its error is 0: a zero of the wrong sign.
      const bool is_worst =
          error > difference.max_abs_error || (is_outside && difference.outside == 1);
      if (is_worst) difference = {error, r, c, got, want, difference.outside};
    }
  }
  return difference;
}

}  // namespace cascade::model
