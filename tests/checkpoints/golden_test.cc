// The comparison that every checkpoint rests on can fail.
#include "tests/support/golden.h"

#include <limits>
#include <vector>

#include "gtest/gtest.h"

namespace cascade::testing {
namespace {

using model::ConstMatF;

constexpr float kInfinity = std::numeric_limits<float>::infinity();
constexpr float kNaN = std::numeric_limits<float>::quiet_NaN();

Difference CompareRow(const std::vector<float>& actual, const std::vector<float>& expected) {
  return Compare(ConstMatF(actual.data(), 1, actual.size()),
                 ConstMatF(expected.data(), 1, expected.size()), 0.5);
}

TEST(GoldenTest, ReportsTheWorstElementAndHowManyAreOut) {
  const Difference difference = CompareRow({1, 2, 3, 4}, {1.25F, 3, 3, 6});
  EXPECT_EQ(difference.max_abs_error, 2);
  EXPECT_EQ(difference.col, 3U);
  EXPECT_EQ(difference.actual, 4);
  EXPECT_EQ(difference.expected, 6);
  EXPECT_EQ(difference.outside, 2U);
}

TEST(GoldenTest, NaNIsInfinitelyFarFromEverything) {
  for (const float other : {0.0F, kInfinity, kNaN}) {
    EXPECT_EQ(CompareRow({0, kNaN}, {0, other}).max_abs_error, kInfinity);
    EXPECT_EQ(CompareRow({0, other}, {0, kNaN}).outside, 1U);
  }
}

TEST(GoldenTest, InfinityIsOnlyNearItself) {
  EXPECT_EQ(CompareRow({kInfinity}, {kInfinity}).max_abs_error, 0);
  EXPECT_EQ(CompareRow({kInfinity}, {-kInfinity}).outside, 1U);
  EXPECT_EQ(CompareRow({1}, {kInfinity}).outside, 1U);
}

TEST(GoldenTest, AnotherShapeIsOutside) {
  EXPECT_EQ(CompareRow({0, 0}, {0}).outside, 1U);
  EXPECT_EQ(CompareRow({0}, {0, 0}).outside, 1U);
}

TEST(GoldenTest, BitsAreMoreThanValues) {
  const float zero = 0.0F;
  const float minus_zero = -0.0F;
  const ConstMatF positive(&zero, 1, 1);
  EXPECT_TRUE(HasTheBitsOf(positive, positive));
  EXPECT_FALSE(HasTheBitsOf(ConstMatF(&minus_zero, 1, 1), positive));
  EXPECT_FALSE(HasTheBitsOf(ConstMatF(), positive));
}

}  // namespace
}  // namespace cascade::testing
