// SPDX-License-Identifier: Apache-2.0

#include "tools/cascade/bench/histogram.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <vector>

#include "tools/cascade/bench/random.h"

namespace cascade::cli::bench {
namespace {

using std::chrono::nanoseconds;

constexpr double kLargestError = 1.0 / 1024;

Histogram Of(const std::vector<std::int64_t>& times) {
  Histogram histogram;
  for (const std::int64_t time : times) histogram.Add(nanoseconds(time));
  return histogram;
}

// The definition: the least value that `percent` % of all do not exceed.
std::int64_t ExactPercentile(std::vector<std::int64_t> times, double percent) {
  std::sort(times.begin(), times.end());
  const auto rank =
      static_cast<std::size_t>(std::ceil(percent / 100 * static_cast<double>(times.size())));
  return times[std::max<std::size_t>(rank, 1) - 1];
}

TEST(HistogramTest, IsEmptyAtFirst) {
  const Histogram histogram;
  EXPECT_EQ(histogram.count(), 0U);
  EXPECT_EQ(histogram.Percentile(99), nanoseconds(0));
  EXPECT_EQ(histogram.Mean(), nanoseconds(0));
  EXPECT_EQ(histogram.min(), nanoseconds(0));
  EXPECT_EQ(histogram.max(), nanoseconds(0));
}

TEST(HistogramTest, SmallTimesAreExact) {
  std::vector<std::int64_t> times;
  for (std::int64_t i = 1000; i > 0; --i) times.push_back(i);
  const Histogram histogram = Of(times);
  for (const double percent : {0.0, 0.1, 1.0, 50.0, 90.0, 99.0, 99.9, 100.0}) {
    EXPECT_EQ(histogram.Percentile(percent).count(), ExactPercentile(times, percent)) << percent;
  }
}

TEST(HistogramTest, APercentileOfFewIsOneOfThem) {
  const Histogram histogram = Of({100, 200, 300, 400});
  EXPECT_EQ(histogram.Percentile(0), nanoseconds(100));
  EXPECT_EQ(histogram.Percentile(25), nanoseconds(100));
  EXPECT_EQ(histogram.Percentile(26), nanoseconds(200));
  EXPECT_EQ(histogram.Percentile(50), nanoseconds(200));
  EXPECT_EQ(histogram.Percentile(99), nanoseconds(400));
}

TEST(HistogramTest, PercentilesStayWithinTheStatedError) {
  Random random = SeededRandom(1, Purpose::kRequest, 0);
  std::vector<std::int64_t> times;
  for (int i = 0; i < 20'000; ++i) {
    times.push_back(static_cast<std::int64_t>(1e6 * std::exp(3 * Normal(random))));
  }
  const Histogram histogram = Of(times);
  for (double percent = 0; percent <= 100; percent += 0.7) {
    const auto exact = static_cast<double>(ExactPercentile(times, percent));
    const auto given = static_cast<double>(histogram.Percentile(percent).count());
    EXPECT_NEAR(given, exact, exact * kLargestError) << percent;
  }
}

TEST(HistogramTest, EveryPowerOfTwoStaysWithinTheStatedError) {
  for (int bits = 0; bits < 63; ++bits) {
    for (const std::int64_t offset : {-1, 0, 1}) {
      const std::int64_t time = (std::int64_t{1} << bits) + offset;
      const Histogram histogram = Of({0, time, std::numeric_limits<std::int64_t>::max()});
      const auto exact = static_cast<double>(time);
      EXPECT_NEAR(static_cast<double>(histogram.Percentile(50).count()), exact,
                  exact * kLargestError);
    }
  }
}

TEST(HistogramTest, CountMeanLeastAndMostAreExact) {
  const Histogram histogram = Of({1'000'001, 3'000'003, 2'000'002});
  EXPECT_EQ(histogram.count(), 3U);
  EXPECT_EQ(histogram.Mean(), nanoseconds(2'000'002));
  EXPECT_EQ(histogram.min(), nanoseconds(1'000'001));
  EXPECT_EQ(histogram.Percentile(0), nanoseconds(1'000'001));
  EXPECT_EQ(histogram.max(), nanoseconds(3'000'003));
  EXPECT_EQ(histogram.Percentile(100), nanoseconds(3'000'003));
}

TEST(HistogramTest, ANegativeTimeCountsAsZero) {
  EXPECT_EQ(Of({-5}).max(), nanoseconds(0));
  EXPECT_EQ(Of({-5}).count(), 1U);
}

}  // namespace
}  // namespace cascade::cli::bench
