// SPDX-License-Identifier: Apache-2.0

#include "model/kernels/power.h"

#include <cmath>

#include "gtest/gtest.h"

namespace cascade::model::kernels {
namespace {

TEST(PowerTest, IsNearToTheLibrarys) {
  for (double base = 1.0; base <= 2048.0; base += 1.0) {
    for (double exponent = -2.5; exponent <= 2.5; exponent += 0.125) {
      const double expected = std::pow(base, exponent);
      EXPECT_NEAR(Power(base, exponent), expected, 3e-13 * expected) << base << "^" << exponent;
    }
  }
}

TEST(PowerTest, IsExactWhereThereIsNothingToRound) {
  EXPECT_EQ(Power(1.0, 2.5), 1.0);
  EXPECT_EQ(Power(17.0, 0.0), 1.0);
}

}  // namespace
}  // namespace cascade::model::kernels
