// SPDX-License-Identifier: Apache-2.0

#include "model/kernels/power.h"

#include <cmath>

#include "model/kernels/logarithm.h"

namespace cascade::model::kernels {
namespace {

// e^x = 2^n e^r with |r| <= log(2) / 2, and e^r by its series up to r^14.
double Exp(double x) {
  constexpr double kLn2 = 0.693147180559945309;
  constexpr double kLn2Rest = 2.3190468138462996e-17;  // log(2) - kLn2
  const double n = std::nearbyint(x / kLn2);
  const double r = std::fma(-n, kLn2Rest, std::fma(-n, kLn2, x));
  double series = 1.0;
  for (int i = 14; i > 0; --i) series = std::fma(series, r / i, 1.0);
  return std::ldexp(series, static_cast<int>(n));
}

}  // namespace

double Power(double base, double exponent) { return Exp(exponent * Log(base)); }

}  // namespace cascade::model::kernels
