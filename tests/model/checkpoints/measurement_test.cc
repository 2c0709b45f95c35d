// SPDX-License-Identifier: Apache-2.0

#include "model/checkpoints/measurement.h"

#include <limits>
#include <span>
#include <vector>

#include "gtest/gtest.h"

namespace cascade::model {
namespace {

ConstMatF Row(const std::vector<float>& values) { return {values.data(), 1, values.size()}; }

TEST(MeasurementTest, NothingComparedIsNoPass) { EXPECT_FALSE(Measurement(1).passed()); }

TEST(MeasurementTest, AddsUpAndKeepsTheLargestError) {
  Measurement measurement(0.5);
  measurement.CompareMatrices(Row({1, 2}), Row({1, 2.25F}), "first");
  measurement.CompareNumbers(3, 3.125, "second");
  EXPECT_TRUE(measurement.passed());
  EXPECT_EQ(measurement.compared(), 3U);
  EXPECT_EQ(measurement.max_abs_error(), 0.25);
  EXPECT_FALSE(measurement.mismatch().has_value());
}

TEST(MeasurementTest, NamesTheWorstElementOfTheFirstFailure) {
  Measurement measurement(0.5);
  measurement.CompareMatrices(Row({1, 5, 9}), Row({1, 2, 3}), "first");
  measurement.CompareMatrices(Row({100}), Row({0}), "second");
  EXPECT_FALSE(measurement.passed());
  EXPECT_EQ(measurement.outside(), 3U);
  EXPECT_EQ(measurement.max_abs_error(), 100);
  EXPECT_EQ(Describe(*measurement.mismatch()),
            "first, element [0, 2]: expected 3, found 9 (and 1 others)");
}

TEST(MeasurementTest, NamesShapesThatDiffer) {
  Measurement measurement(0.5);
  measurement.CompareMatrices(Row({1, 5}), Row({1}), "first");
  EXPECT_EQ(Describe(*measurement.mismatch()), "first, shape: expected [1, 1], found [1, 2]");
}

TEST(MeasurementTest, WithoutToleranceBitsAreCompared) {
  Measurement measurement(0);
  measurement.CompareMatrices(Row({-0.0F}), Row({0.0F}), "zero");
  EXPECT_FALSE(measurement.passed());
  EXPECT_EQ(Describe(*measurement.mismatch()), "zero, element [0, 0]: expected 0, found -0");
}

TEST(MeasurementTest, ANumberThatIsNaNIsAMismatch) {
  Measurement measurement(0.5);
  measurement.CompareNumbers(std::numeric_limits<double>::quiet_NaN(), 1, "sum");
  EXPECT_FALSE(measurement.passed());
}

TEST(MeasurementTest, NamesTheFirstTokenThatDiffers) {
  Measurement measurement(0);
  measurement.CompareTokens({{5, 6, 7}}, {{5, 6, 7}}, "same");
  EXPECT_TRUE(measurement.passed());
  measurement.CompareTokens({{5, 8, 7}}, {{5, 6, 7}}, "tokens");
  EXPECT_EQ(Describe(*measurement.mismatch()),
            "tokens, token 1: expected 6, found 8 (and 1 others)");
}

TEST(MeasurementTest, ATokenTooFewOrTooManyIsAMismatch) {
  const std::vector<TokenId> two = {5, 6};
  Measurement fewer(0);
  fewer.CompareTokens(std::span(two).first(1), two, "tokens");
  EXPECT_EQ(Describe(*fewer.mismatch()), "tokens, token 1: expected 6, found the end");
  Measurement more(0);
  more.CompareTokens(two, std::span(two).first(1), "tokens");
  EXPECT_EQ(Describe(*more.mismatch()), "tokens, token 1: expected the end, found 6");
  Measurement none(0);
  none.CompareTokens(two, {}, "tokens");
  EXPECT_FALSE(none.passed());
}

TEST(MeasurementTest, NamesTheFirstByteThatDiffers) {
  Measurement measurement(0);
  measurement.CompareTexts("one two", "one three", "text");
  EXPECT_EQ(Describe(*measurement.mismatch()), "text, byte 5: expected \"hree\", found \"wo\"");
}

}  // namespace
}  // namespace cascade::model
