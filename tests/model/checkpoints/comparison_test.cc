// SPDX-License-Identifier: Apache-2.0
// The comparison that every checkpoint rests on can fail.
#include "model/checkpoints/comparison.h"

#include <limits>
#include <vector>

#include "gtest/gtest.h"

namespace cascade::model {
namespace {

constexpr float kInfinity = std::numeric_limits<float>::infinity();
constexpr float kNaN = std::numeric_limits<float>::quiet_NaN();

Difference CompareRow(const std::vector<float>& actual, const std::vector<float>& expected,
                      double tolerance = 0.5) {
  return Compare(ConstMatF(actual.data(), 1, actual.size()),
                 ConstMatF(expected.data(), 1, expected.size()), tolerance);
}

TEST(ComparisonTest, ReportsTheWorstElementAndHowManyAreOutside) {
  const Difference difference = CompareRow({1, 2, 3, 4}, {1.25F, 3, 3, 6});
  EXPECT_EQ(difference.max_abs_error, 2);
  EXPECT_EQ(difference.col, 3U);
  EXPECT_EQ(difference.actual, 4);
  EXPECT_EQ(difference.expected, 6);
  EXPECT_EQ(difference.outside, 2U);
}

TEST(ComparisonTest, NaNIsInfinitelyFarFromEverything) {
  for (const float other : {0.0F, kInfinity, kNaN}) {
    EXPECT_EQ(CompareRow({0, kNaN}, {0, other}).max_abs_error, kInfinity);
    EXPECT_EQ(CompareRow({0, other}, {0, kNaN}).outside, 1U);
    EXPECT_EQ(CompareRow({0, kNaN}, {0, other}, /*tolerance=*/0).outside, 1U);
  }
}

TEST(ComparisonTest, InfinityIsOnlyNearItself) {
  EXPECT_EQ(CompareRow({kInfinity}, {kInfinity}).max_abs_error, 0);
  EXPECT_EQ(CompareRow({kInfinity}, {-kInfinity}).outside, 1U);
  EXPECT_EQ(CompareRow({1}, {kInfinity}).outside, 1U);
}

TEST(ComparisonTest, AnotherShapeIsOutside) {
  EXPECT_EQ(CompareRow({0, 0}, {0}).outside, 1U);
  EXPECT_EQ(CompareRow({0}, {0, 0}).outside, 1U);
  EXPECT_EQ(Compare(ConstMatF(), ConstMatF(&kNaN, 1, 1), 0).outside, 1U);
}

TEST(ComparisonTest, WithoutToleranceBitsAreCompared) {
  EXPECT_EQ(CompareRow({1, 0.0F}, {1, 0.0F}, /*tolerance=*/0).outside, 0U);
  const Difference difference = CompareRow({1, 0.0F, 5}, {1, -0.0F, 5}, /*tolerance=*/0);
  EXPECT_EQ(difference.outside, 1U);
  EXPECT_EQ(difference.col, 1U) << "the zero of the wrong sign is named";
  EXPECT_EQ(CompareRow({0.0F}, {-0.0F}).outside, 0U) << "with one, values are";
}

}  // namespace
}  // namespace cascade::model
