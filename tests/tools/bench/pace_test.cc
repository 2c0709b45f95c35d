// SPDX-License-Identifier: Apache-2.0

#include "tools/cascade/bench/pace.h"

#include <gtest/gtest.h>

#include <chrono>
#include <cmath>
#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

namespace cascade::cli::bench {
namespace {

using std::chrono::milliseconds;

const Clock::time_point kStart = Clock::time_point(std::chrono::hours(1));

// Seconds between the first `count` arrivals, the one from the start among them.
std::vector<double> Gaps(double rate, std::uint64_t seed, int count) {
  const std::unique_ptr<Pace> pace = MakeOpenPace(rate, seed, kStart);
  std::vector<double> gaps;
  Clock::time_point last = kStart;
  for (int i = 0; i < count; ++i) {
    gaps.push_back(std::chrono::duration<double>(*pace->Next() - last).count());
    last = *pace->Next();
    pace->Take();
  }
  return gaps;
}

TEST(OpenPaceTest, GapsAreExponentialWithTheMeanOfTheRate) {
  const std::vector<double> gaps = Gaps(50, 3, 40'000);
  double sum = 0;
  double squares = 0;
  int above_mean = 0;
  for (const double gap : gaps) {
    EXPECT_GE(gap, 0);
    sum += gap;
    squares += gap * gap;
    if (gap > 0.02) ++above_mean;
  }
  const auto count = static_cast<double>(gaps.size());
  const double mean = sum / count;
  EXPECT_NEAR(mean, 0.02, 0.0005);
  // Of an exponential distribution, deviation and mean are equal, and 1 / e is above the mean.
  EXPECT_NEAR(std::sqrt(squares / count - mean * mean), 0.02, 0.0006);
  EXPECT_NEAR(above_mean / count, std::exp(-1), 0.01);
}

TEST(OpenPaceTest, ArrivalsAreAFunctionOfTheSeed) {
  EXPECT_EQ(Gaps(10, 1, 50), Gaps(10, 1, 50));
  EXPECT_NE(Gaps(10, 1, 50), Gaps(10, 2, 50));
}

TEST(OpenPaceTest, DoesNotCareWhatBecomesOfRequests) {
  const std::unique_ptr<Pace> pace = MakeOpenPace(10, 1, kStart);
  const auto next = pace->Next();
  pace->OnEnded(kStart + std::chrono::hours(1));
  EXPECT_EQ(pace->Next(), next);
}

TEST(ClosedPaceTest, StartsAllClientsAtOnceAndThenWaits) {
  const std::unique_ptr<Pace> pace = MakeClosedPace(3, kStart);
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(pace->Next(), kStart);
    pace->Take();
  }
  EXPECT_EQ(pace->Next(), std::nullopt);
}

TEST(ClosedPaceTest, WhoIsReadyFirstGoesFirst) {
  const std::unique_ptr<Pace> pace = MakeClosedPace(2, kStart);
  pace->Take();
  pace->Take();
  pace->OnEnded(kStart + milliseconds(200));  // was refused
  pace->OnEnded(kStart + milliseconds(5));
  EXPECT_EQ(pace->Next(), kStart + milliseconds(5));
  pace->Take();
  EXPECT_EQ(pace->Next(), kStart + milliseconds(200));
}

}  // namespace
}  // namespace cascade::cli::bench
