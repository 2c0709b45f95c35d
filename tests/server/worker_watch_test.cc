// SPDX-License-Identifier: Apache-2.0

#include "server/worker_watch.h"

#include <string>

#include "gtest/gtest.h"
#include "server/observability/logs.h"

namespace cascade::server {
namespace {

class WorkerWatchTest : public ::testing::Test {
 protected:
  WorkerWatchTest() { StartLogging({.level = LogLevel::kOff}); }

  Worker::Pulse pulse_;
  int described_ = 0;
  WorkerWatch watch_{{.pulse = [this] { return pulse_; },
                      .describe =
                          [this] {
                            ++described_;
                            return std::string("a: 3 tokens");
                          }},
                     absl::Seconds(10)};
};

TEST_F(WorkerWatchTest, AnIdleWorkerNeverHangs) {
  for (int i = 0; i < 100; ++i) EXPECT_FALSE(watch_.Look(absl::Seconds(1)));
}

TEST_F(WorkerWatchTest, ABusyWorkerMustBeat) {
  pulse_ = {.count = 7, .busy = true};
  EXPECT_FALSE(watch_.Look(absl::Seconds(1)));  // seen for the first time
  for (int i = 0; i < 10; ++i) EXPECT_FALSE(watch_.Look(absl::Seconds(1)));
  EXPECT_TRUE(watch_.Look(absl::Seconds(1)));  // 11 seconds
  EXPECT_TRUE(watch_.Look(absl::Seconds(1)));
  EXPECT_EQ(described_, 1);  // once for each hang
}

TEST_F(WorkerWatchTest, OneBeatEndsAHang) {
  pulse_ = {.count = 7, .busy = true};
  for (int i = 0; i < 12; ++i) watch_.Look(absl::Seconds(1));
  EXPECT_TRUE(watch_.Look(absl::Seconds(1)));
  pulse_.count = 8;
  for (int i = 0; i < 11; ++i) EXPECT_FALSE(watch_.Look(absl::Seconds(1)));
  EXPECT_TRUE(watch_.Look(absl::Seconds(1)));
  EXPECT_EQ(described_, 2);
}

TEST_F(WorkerWatchTest, AStepThatEndsInIdlenessIsNoHang) {
  pulse_ = {.count = 7, .busy = true};
  for (int i = 0; i < 13; ++i) watch_.Look(absl::Seconds(1));
  pulse_.busy = false;
  EXPECT_FALSE(watch_.Look(absl::Seconds(1)));
}

}  // namespace
}  // namespace cascade::server
