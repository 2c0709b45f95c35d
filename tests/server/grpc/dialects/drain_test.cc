// SPDX-License-Identifier: Apache-2.0
// What a drain means to calls, in every dialect.
#include <memory>
#include <thread>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "server/engine/clock.h"
#include "tests/server/grpc/dialects/dialect_test.h"
#include "tests/server/health_watch.h"
#include "tests/support/status_matchers.h"

namespace cascade::server {
namespace {

using ::cascade::testing::DialectTest;
using ::cascade::testing::HealthWatch;
using ::cascade::testing::IsOk;
using ::cascade::testing::kDialects;
using ::cascade::testing::kEndless;
using ::cascade::testing::NameOf;
using ::cascade::testing::Reply;
using ::cascade::testing::ServiceOf;
using grpc::health::v1::HealthCheckResponse;

class DrainTest : public DialectTest {};

TEST_P(DrainTest, RunningCallsFinishAndNewOnesAreRefused) {
  Serve();
  const auto whole = Whole({.tokens = 5'000});
  WaitFor([](const WorkerStats& stats) { return stats.counts.generated_tokens > 0; });
  const auto stream = Stream({.tokens = 5'000});
  ASSERT_TRUE(stream->ReadToken());
  HealthWatch watch(served().health(), ServiceOf(GetParam()));
  EXPECT_TRUE(watch.WaitFor(HealthCheckResponse::SERVING));

  std::thread drain([this] { served().DrainAll(); });
  EXPECT_TRUE(watch.WaitFor(HealthCheckResponse::NOT_SERVING));
  // Health is told first: refusal may come a moment later, but it comes.
  Reply late;
  do {
    late = Generate({});
  } while (late.status.ok());
  EXPECT_EQ(late.status.error_code(), grpc::StatusCode::UNAVAILABLE);
  EXPECT_EQ(late.status.error_message(), "the server is shutting down");
  EXPECT_EQ(Whole({})->Rest().status.error_code(), grpc::StatusCode::UNAVAILABLE);

  for (const Reply& reply : {stream->Rest(), whole->Rest()}) {
    EXPECT_TRUE(reply.status.ok()) << reply.status.error_message();
    EXPECT_EQ(reply.tokens.size(), 5'000U);
    EXPECT_EQ(reply.generated, 5'000U);
  }
  drain.join();
  EXPECT_TRUE(served().EverythingIsFree());
}

TEST_P(DrainTest, AtTheDeadlineTheRestEndWithAStatus) {
  Serve();
  const auto whole = Whole({.tokens = kEndless});
  WaitUntilItRuns();
  const auto stream = Stream({.tokens = kEndless});
  ASSERT_TRUE(stream->ReadToken());
  EXPECT_THAT(served().server().Drain(MonotonicNow()), IsOk());
  for (const Reply& reply : {stream->Rest(), whole->Rest()}) {
    EXPECT_EQ(reply.status.error_code(), grpc::StatusCode::UNAVAILABLE);
    EXPECT_EQ(reply.generated, 0U);  // it is not complete
  }
  EXPECT_TRUE(served().EverythingIsFree());
}

TEST_P(DrainTest, ASecondDrainCutsTheFirstShort) {
  Serve();
  const auto running = Stream({.tokens = kEndless});
  ASSERT_TRUE(running->ReadToken());
  std::thread patient([this] { served().DrainAll(); });
  EXPECT_THAT(served().server().Drain(absl::InfinitePast()), IsOk());
  patient.join();
  EXPECT_EQ(running->Rest().status.error_code(), grpc::StatusCode::UNAVAILABLE);
}

TEST_P(DrainTest, QueuedRequestsEndWithAStatusToo) {
  Serve([](Options& options) { options.worker.max_running = 1; });
  // Whole: an unread stream would pause, and let the next one start.
  const auto running = Whole({.tokens = kEndless});
  WaitUntilItRuns();
  const auto queued = Stream({});
  queued->WaitUntilAccepted();
  EXPECT_THAT(served().server().Drain(MonotonicNow()), IsOk());
  EXPECT_EQ(queued->Rest().status.error_code(), grpc::StatusCode::UNAVAILABLE);
  EXPECT_EQ(running->Rest().status.error_code(), grpc::StatusCode::UNAVAILABLE);
}

TEST_P(DrainTest, ShutdownDoesNotWaitForeverForAClientThatDoesNotRead) {
  Serve();
  const auto unread = Stream({.tokens = kEndless, .candidates = 20});
  ASSERT_TRUE(unread->ReadToken());
  // More than the connection's windows hold.
  WaitFor([](const WorkerStats& stats) { return stats.stalled > 0; });
  served().server().Shutdown();  // a hang is the failure
  EXPECT_FALSE(unread->Rest().status.ok());
}

INSTANTIATE_TEST_SUITE_P(Dialects, DrainTest, kDialects, NameOf);

}  // namespace
}  // namespace cascade::server
