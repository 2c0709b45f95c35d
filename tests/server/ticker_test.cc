// SPDX-License-Identifier: Apache-2.0

#include "server/ticker.h"

#include <atomic>
#include <new>

#include "gtest/gtest.h"

namespace cascade::server {
namespace {

constexpr absl::Duration kPeriod = absl::Milliseconds(1);

TEST(TickerTest, TicksAndNeverTellsOfMoreThanTwoPeriods) {
  std::atomic<int> ticks = 0;
  std::atomic<bool> sane = true;
  {
    const Ticker ticker(kPeriod, [&](absl::Duration passed) {
      if (passed < absl::ZeroDuration() || passed > 2 * kPeriod) sane = false;
      ++ticks;
      ticks.notify_all();
    });
    for (int n = ticks; n < 20; n = ticks) ticks.wait(n);
  }
  EXPECT_TRUE(sane);
}

TEST(TickerTest, GoesOnAfterATickThatThrew) {
  std::atomic<int> ticks = 0;
  const Ticker ticker(kPeriod, [&ticks](absl::Duration /*passed*/) {
    ++ticks;
    ticks.notify_all();
    throw std::bad_alloc();
  });
  for (int n = ticks; n < 3; n = ticks) ticks.wait(n);
}

TEST(TickerTest, EndsWithoutWaitingForATick) {
  const Ticker ticker(absl::Hours(1), [](absl::Duration /*passed*/) {});
}

}  // namespace
}  // namespace cascade::server
