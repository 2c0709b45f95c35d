// SPDX-License-Identifier: Apache-2.0

#include "server/engine/histogram.h"

#include <algorithm>
#include <array>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace cascade::server {
namespace {

constexpr std::array<double, 3> kBounds = {1, 2, 5};

TEST(HistogramTest, AValueCountsInTheFirstBucketThatHoldsIt) {
  Histogram<kBounds> histogram;
  for (const double value : {0.5, 1.0, 1.5, 2.0, 5.0, 5.1}) histogram.Add(value);
  histogram.Add(3, 10);
  EXPECT_THAT(histogram.counts, ::testing::ElementsAre(2, 2, 11, 1));
  EXPECT_EQ(histogram.count(), 16U);
  EXPECT_DOUBLE_EQ(histogram.sum, 0.5 + 1 + 1.5 + 2 + 5 + 5.1 + 30);
}

TEST(HistogramTest, TheBoundsRise) {
  EXPECT_TRUE(std::is_sorted(kSecondsBounds.begin(), kSecondsBounds.end()));
  EXPECT_TRUE(std::is_sorted(kTokensBounds.begin(), kTokensBounds.end()));
}

}  // namespace
}  // namespace cascade::server
