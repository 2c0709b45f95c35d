// SPDX-License-Identifier: Apache-2.0
// Calls with deadlines, in every dialect.
#include <cstdint>
#include <limits>
#include <memory>

#include "gtest/gtest.h"
#include "tests/server/grpc/dialects/dialect_test.h"

namespace cascade::server {
namespace {

using ::cascade::testing::Ask;
using ::cascade::testing::DialectTest;
using ::cascade::testing::GenerateCall;
using ::cascade::testing::kDialects;
using ::cascade::testing::kEndless;
using ::cascade::testing::NameOf;

gpr_timespec In(std::int64_t milliseconds) {
  return gpr_time_add(gpr_now(GPR_CLOCK_REALTIME),
                      gpr_time_from_millis(milliseconds, GPR_TIMESPAN));
}

class DeadlineTest : public DialectTest {
 protected:
  std::unique_ptr<GenerateCall> Start(bool stream, const Ask& ask) {
    if (stream) return Stream(ask);
    return Whole(ask);
  }
};

TEST_P(DeadlineTest, EndsTheCallAndFreesItsBlocks) {
  Serve();
  for (const bool stream : {false, true}) {
    const std::uint64_t before = stats().counts.generated_tokens;
    // A deadline that passes before anything was generated says nothing of what it is to end.
    for (std::int64_t ms = 50; stats().counts.generated_tokens == before; ms *= 2) {
      const auto call = Start(stream, {.tokens = kEndless, .deadline = In(ms)});
      EXPECT_EQ(call->Rest().status.error_code(), grpc::StatusCode::DEADLINE_EXCEEDED);
    }
    WaitUntilFree();
  }
  served().DrainAll();  // would not return if a call went on
  EXPECT_TRUE(served().EverythingIsFree());
}

TEST_P(DeadlineTest, EndsACallThatWaitsAndTheRunningOneGoesOn) {
  Serve([](Options& options) { options.worker.max_running = 1; });
  const auto running = Whole({.tokens = kEndless});
  WaitUntilItRuns();
  for (const bool stream : {false, true}) {
    const auto waiting = Start(stream, {.deadline = In(100)});
    EXPECT_EQ(waiting->Rest().status.error_code(), grpc::StatusCode::DEADLINE_EXCEEDED);
    EXPECT_TRUE(waiting->Rest().tokens.empty());
    WaitFor([](const WorkerStats& stats) { return stats.queued == 0; });
    WaitUntilItRuns();
  }
  EXPECT_EQ(running->Cancel().status.error_code(), grpc::StatusCode::CANCELLED);
  WaitUntilFree();
}

TEST_P(DeadlineTest, AFarDeadlineIsNoDeadline) {
  Serve();
  const gpr_timespec now = gpr_now(GPR_CLOCK_REALTIME);
  // 300 years are more nanoseconds than 64 bits hold; 99,999,999 hours are the most that gRPC
  // sends.
  for (const std::int64_t seconds :
       {std::int64_t{300} * 365 * 86'400, std::int64_t{99'999'999} * 3600,
        std::numeric_limits<std::int64_t>::max() / 2}) {
    const gpr_timespec far = {now.tv_sec + seconds, 0, GPR_CLOCK_REALTIME};
    for (const bool stream : {false, true}) {
      const auto call = Start(stream, {.deadline = far});
      EXPECT_TRUE(call->Rest().status.ok())
          << seconds << " s: " << call->Rest().status.error_message();
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Dialects, DeadlineTest, kDialects, NameOf);

}  // namespace
}  // namespace cascade::server
