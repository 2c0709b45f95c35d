// SPDX-License-Identifier: Apache-2.0

#include "model/kernels/logarithm.h"

#include <bit>
#include <cmath>
#include <cstdint>

namespace cascade::model::kernels {

// x = 2^n m with m in [sqrt(1/2), sqrt(2)), and log m = 2 artanh(s) with s = (m - 1) / (m + 1),
// |s| < 0.172, by its series up to s^17.
double Log(double x) {
  constexpr double kLn2 = 0.693147180559945309;
  const auto bits = std::bit_cast<std::uint64_t>(x);
  constexpr std::uint64_t kSqrtHalfBits = 0x3fe6a09e667f3bcdu;
  const std::uint64_t steps = (bits - kSqrtHalfBits) >> 52;  // n modulo 2^12
  const std::int64_t n = static_cast<std::int64_t>(steps << 52) >> 52;
  const double m = std::bit_cast<double>(bits - (steps << 52));
  const double s = (m - 1.0) / (m + 1.0);
  double series = 0.0;
  for (int power = 17; power > 0; power -= 2) series = std::fma(series, s * s, 1.0 / power);
  return std::fma(static_cast<double>(n), kLn2, 2.0 * s * series);
}

}  // namespace cascade::model::kernels
