// SPDX-License-Identifier: Apache-2.0
// Calls that there is no place or no memory for, in every dialect.
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "server/grpc/call/call_memory.h"
#include "server/grpc/request/limits.h"
#include "tests/server/grpc/dialects/dialect_test.h"

namespace cascade::server {
namespace {

using ::cascade::testing::Ask;
using ::cascade::testing::DetailsMessage;
using ::cascade::testing::DialectTest;
using ::cascade::testing::FindDetail;
using ::cascade::testing::GenerateCall;
using ::cascade::testing::kDialects;
using ::cascade::testing::kEndless;
using ::cascade::testing::LongText;
using ::cascade::testing::NameOf;
using ::cascade::testing::Reply;
using ::cascade::testing::StreamCall;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class OverloadTest : public DialectTest {
 protected:
  // A refusal of `call`: with the reason that has `message`, and when to try again, which is said
  // in the details and in the trailer that gRPC's own retries heed.
  static void ExpectRefused(GenerateCall& call, const std::string& message) {
    const Reply& refused = call.Rest();
    EXPECT_THAT(refused.tokens, IsEmpty());
    EXPECT_EQ(refused.status.error_code(), grpc::StatusCode::RESOURCE_EXHAUSTED);
    EXPECT_THAT(refused.status.error_message(), HasSubstr(message));
    EXPECT_EQ(DetailsMessage(refused.status), refused.status.error_message());
    google::rpc::RetryInfo retry;
    ASSERT_TRUE(FindDetail(refused.status, retry));
    const absl::Duration delay = absl::Seconds(retry.retry_delay().seconds()) +
                                 absl::Nanoseconds(retry.retry_delay().nanos());
    EXPECT_GT(delay, absl::ZeroDuration());
    const auto& trailers = call.context().GetServerTrailingMetadata();
    const auto pushback = trailers.find("grpc-retry-pushback-ms");
    ASSERT_NE(pushback, trailers.end());
    EXPECT_EQ(pushback->second,
              absl::StrCat(absl::ToInt64Milliseconds(absl::Ceil(delay, absl::Milliseconds(1)))));
  }
};

TEST_P(OverloadTest, WhatDoesNotFitTheQueueIsRefusedAndToldWhenToTryAgain) {
  Serve([](Options& options) {
    options.worker.max_running = 1;
    options.worker.max_queued = 1;
  });
  // Neither ends by itself, though they may change places: nobody reads the first, so it pauses.
  const auto running = Stream({.tokens = kEndless});
  ASSERT_TRUE(running->ReadToken());
  const auto waiting = Stream({.tokens = kEndless});
  waiting->WaitUntilAccepted();

  const std::string reason =
      "2 requests run or wait, of at most --max_running=1 and --max_queued=1";
  ExpectRefused(*Stream({}), reason);
  ExpectRefused(*Whole({}), reason);

  EXPECT_EQ(running->Cancel().status.error_code(), grpc::StatusCode::CANCELLED);
  EXPECT_EQ(waiting->Cancel().status.error_code(), grpc::StatusCode::CANCELLED);
  WaitUntilIdle();
  EXPECT_TRUE(Generate({}).status.ok());
}

TEST_P(OverloadTest, AClientThatLeavesMakesRoomForTheNext) {
  Serve([](Options& options) {
    options.worker.max_running = 2;
    options.kv_cache_bytes = kEndless * 8 * 2 * sizeof(float);  // one whole context
  });
  const auto running = Stream({.tokens = kEndless});
  ASSERT_TRUE(running->ReadToken());
  const auto next = Stream({});
  next->WaitUntilAccepted();
  EXPECT_EQ(running->Cancel().status.error_code(), grpc::StatusCode::CANCELLED);
  EXPECT_TRUE(next->Rest().status.ok());
  served().DrainAll();
  EXPECT_TRUE(served().EverythingIsFree());
}

TEST_P(OverloadTest, ACallThatThereIsNoMemoryForIsRefusedAndComesBack) {
  // Room for a few long requests and their answers.
  Serve([](Options& options) { options.call_memory_bytes = 4 * CallBytes(kMaxTextBytes); });
  const Ask large = {.tokens = kEndless, .text = LongText(), .truncate_to = 8};
  std::vector<std::unique_ptr<StreamCall>> running;
  std::unique_ptr<StreamCall> call = Stream(large);
  while (call->ReadToken()) {
    running.push_back(std::move(call));
    call = Stream(large);
  }
  ASSERT_FALSE(running.empty()) << call->Rest().status.error_message();
  ExpectRefused(*call, "--call_memory_bytes=");
  ExpectRefused(*Whole(large), "--call_memory_bytes=");

  EXPECT_EQ(running.front()->Cancel().status.error_code(), grpc::StatusCode::CANCELLED);
  do {
    call = Stream(large);
  } while (!call->ReadToken());  // until the server has let go of the other
}

INSTANTIATE_TEST_SUITE_P(Dialects, OverloadTest, kDialects, NameOf);

}  // namespace
}  // namespace cascade::server
