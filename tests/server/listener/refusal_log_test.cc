// SPDX-License-Identifier: Apache-2.0

#include "server/listener/refusal_log.h"

#include <algorithm>
#include <string>

#include "absl/time/time.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "server/observability/logs.h"

namespace cascade::server {
namespace {

using ::testing::HasSubstr;
using ::testing::internal::CaptureStderr;
using ::testing::internal::GetCapturedStderr;

TEST(RefusalLogTest, LogsTheFirstAtOnceAndTheRestTogetherTenSecondsLater) {
  CaptureStderr();
  StartLogging({});
  RefusalLog log;
  log.Add(Refusal::kPeer, "192.0.2.1", absl::Seconds(100));
  for (int i = 0; i < 5000; ++i) log.Add(Refusal::kTotal, "192.0.2.2", absl::Seconds(101));
  EXPECT_EQ(log.Flush(absl::Seconds(102)), absl::Seconds(110));
  EXPECT_EQ(log.Flush(absl::Seconds(110)), absl::InfiniteDuration());
  StartLogging({.level = LogLevel::kOff});
  const std::string lines = GetCapturedStderr();
  EXPECT_EQ(std::count(lines.begin(), lines.end(), '\n'), 2) << lines;
  EXPECT_THAT(lines, HasSubstr("warning connections refused "
                               "used_up=--max_connections_per_peer peer=192.0.2.1 refused=1 "
                               "refused_since_start=1\n"));
  EXPECT_THAT(lines, HasSubstr("warning connections refused used_up=--max_connections "
                               "peer=192.0.2.2 refused=5000 refused_since_start=5001\n"));
}

TEST(RefusalLogTest, WithoutRefusalsThereIsNothingToWaitFor) {
  RefusalLog log;
  EXPECT_EQ(log.Flush(absl::Seconds(1)), absl::InfiniteDuration());
}

}  // namespace
}  // namespace cascade::server
