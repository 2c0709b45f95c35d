// SPDX-License-Identifier: Apache-2.0

#include "server/engine/clock.h"

#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "gtest/gtest.h"

namespace cascade::server {
namespace {

TEST(ClockTest, RunsForward) {
  absl::Time last = MonotonicNow();
  for (int i = 0; i < 1000; ++i) {
    const absl::Time now = MonotonicNow();
    EXPECT_GE(now, last);
    last = now;
  }
}

TEST(ClockTest, BeginsNearTheTimeOfDay) {
  EXPECT_LT(absl::AbsDuration(MonotonicNow() - absl::Now()), absl::Hours(1));
}

}  // namespace
}  // namespace cascade::server
