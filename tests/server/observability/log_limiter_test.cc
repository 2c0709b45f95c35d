// SPDX-License-Identifier: Apache-2.0

#include "server/observability/log_limiter.h"

#include "gtest/gtest.h"

namespace cascade::server {
namespace {

// How many of `lines` lines at `now` are admitted.
int Admitted(LogLimiter& limiter, absl::string_view kind, absl::Duration now, int lines) {
  int admitted = 0;
  for (int i = 0; i < lines; ++i) admitted += limiter.Admit(kind, now).has_value() ? 1 : 0;
  return admitted;
}

TEST(LogLimiterTest, AdmitsTenAtOnceAndFiveASecondForLong) {
  LogLimiter limiter;
  const absl::Duration start = absl::Hours(1);
  EXPECT_EQ(Admitted(limiter, "a", start, 1000), 10);
  EXPECT_EQ(Admitted(limiter, "a", start + absl::Milliseconds(100), 1000), 0);
  int admitted = 0;
  for (int second = 1; second <= 60; ++second) {
    admitted += Admitted(limiter, "a", start + absl::Seconds(second), 1000);
  }
  EXPECT_EQ(admitted, 300);
}

TEST(LogLimiterTest, APauseGivesNoMoreThanTheBurst) {
  LogLimiter limiter;
  EXPECT_EQ(Admitted(limiter, "a", absl::ZeroDuration(), 1000), 10);
  EXPECT_EQ(Admitted(limiter, "a", absl::Hours(24), 1000), 10);
}

TEST(LogLimiterTest, OneKindDoesNotSilenceAnother) {
  LogLimiter limiter;
  EXPECT_EQ(Admitted(limiter, "a", absl::ZeroDuration(), 1000), 10);
  EXPECT_EQ(Admitted(limiter, "b", absl::ZeroDuration(), 1), 1);
}

TEST(LogLimiterTest, TheNextLineIsToldHowManyWereLeftOut) {
  LogLimiter limiter;
  EXPECT_EQ(limiter.Admit("a", absl::ZeroDuration()), 0U);
  Admitted(limiter, "a", absl::ZeroDuration(), 9 + 7);
  EXPECT_EQ(limiter.Admit("a", absl::Seconds(1)), 7U);
  EXPECT_EQ(limiter.Admit("a", absl::Seconds(1)), 0U);
}

}  // namespace
}  // namespace cascade::server
