// SPDX-License-Identifier: Apache-2.0

#include "server/engine/service_rate.h"

#include <cstddef>
#include <random>

#include "absl/time/time.h"
#include "gtest/gtest.h"

namespace cascade::server {
namespace {

double Milliseconds(absl::Duration d) { return absl::ToDoubleMilliseconds(d); }

// A worker whose steps take 4 ms and 0.5 ms a row.
absl::Duration StepOf(std::size_t rows) {
  return absl::Milliseconds(4) + absl::Microseconds(500) * static_cast<double>(rows);
}

TEST(ServiceRateTest, KnowsNothingBeforeItHasLearnt) {
  const ServiceRate rate;
  EXPECT_EQ(rate.TimeFor(100, 10), absl::ZeroDuration());
  EXPECT_EQ(rate.TimePerRequest(), absl::ZeroDuration());
}

TEST(ServiceRateTest, FindsTheCostOfAStepAndOfARow) {
  ServiceRate rate;
  std::mt19937 rng(3);
  for (int step = 0; step < 500; ++step) {
    const std::size_t rows = 1 + rng() % 64;
    rate.AddStep(rows, StepOf(rows), {});
  }
  EXPECT_NEAR(Milliseconds(rate.TimeFor(1, 64)), 4.5, 0.01);
  EXPECT_NEAR(Milliseconds(rate.TimeFor(64, 64)), 36, 0.01);
  EXPECT_NEAR(Milliseconds(rate.TimeFor(65, 64)), 2 * 4 + 32.5, 0.01) << "two steps";
  EXPECT_EQ(rate.TimeFor(0, 64), absl::ZeroDuration());
}

TEST(ServiceRateTest, StepsOfOneSizeAreCountedWhole) {
  ServiceRate rate;
  for (int step = 0; step < 100; ++step) rate.AddStep(8, absl::Milliseconds(10), {});
  EXPECT_NEAR(Milliseconds(rate.TimeFor(1, 8)), 10, 0.01);
  EXPECT_NEAR(Milliseconds(rate.TimeFor(24, 8)), 30, 0.01);
}

TEST(ServiceRateTest, AProcessThatWasStoppedIsNotTakenForSlow) {
  ServiceRate rate;
  for (int step = 0; step < 1000; ++step) rate.AddStep(8, absl::Milliseconds(5), {});
  rate.AddStep(8, absl::Minutes(10), {});  // SIGSTOP, then SIGCONT
  EXPECT_LT(rate.TimeFor(8, 8), absl::Milliseconds(101));
  for (int step = 0; step < 100; ++step) rate.AddStep(8, absl::Milliseconds(5), {});
  EXPECT_LT(rate.TimeFor(8, 8), absl::Milliseconds(10));
  for (int step = 0; step < 20; ++step) rate.AddStep(8, absl::Seconds(1), {});  // slow for good
  EXPECT_GT(rate.TimeFor(8, 8), absl::Milliseconds(300));
}

TEST(ServiceRateTest, NeverSaysLessThanNothing) {
  ServiceRate rate;  // as if larger steps were faster
  rate.AddStep(1, absl::Milliseconds(20), {});
  rate.AddStep(50, absl::Milliseconds(1), {});
  rate.AddStep(3, -absl::Milliseconds(1), {});  // the clock was set back
  EXPECT_GE(rate.TimeFor(1, 8), absl::ZeroDuration());
  EXPECT_GE(rate.TimeFor(1000, 8), rate.TimeFor(1, 8));
}

TEST(ServiceRateTest, ForgetsHowItWas) {
  ServiceRate rate;
  for (int step = 0; step < 100; ++step) rate.AddStep(8, absl::Seconds(1), {.requests = 1});
  for (int step = 0; step < 10000; ++step) rate.AddStep(8, absl::Milliseconds(10), {.requests = 1});
  EXPECT_NEAR(Milliseconds(rate.TimeFor(8, 8)), 10, 0.5);
  EXPECT_NEAR(Milliseconds(rate.TimePerRequest()), 10, 0.5);
}

TEST(ServiceRateTest, CountsTheTimeFromFinishToFinish) {
  ServiceRate rate;
  for (int step = 0; step < 1000; ++step) {
    rate.AddStep(8, absl::Milliseconds(10), {.requests = step % 5 == 4 ? 2U : 0U});
  }
  EXPECT_NEAR(Milliseconds(rate.TimePerRequest()), 25, 0.5);
}

TEST(ServiceRateTest, CountsTheTokensOfAFinishedChoice) {
  ServiceRate rate;
  EXPECT_EQ(rate.TokensPerChoice(), 0);
  for (int step = 0; step < 1000; ++step) {
    rate.AddStep(8, absl::Milliseconds(10), {.requests = 1, .choices = 2, .tokens = 60});
  }
  EXPECT_NEAR(rate.TokensPerChoice(), 30, 1e-6);
}

}  // namespace
}  // namespace cascade::server
