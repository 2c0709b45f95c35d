// SPDX-License-Identifier: Apache-2.0
// Clients that do not read what they asked for, in every dialect.
#include <cstdint>
#include <memory>
#include <thread>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "server/grpc/call/generation_call.h"
#include "tests/server/grpc/dialects/dialect_test.h"

namespace cascade::server {
namespace {

using ::cascade::testing::Ask;
using ::cascade::testing::DialectTest;
using ::cascade::testing::kDialects;
using ::cascade::testing::kEndless;
using ::cascade::testing::NameOf;
using ::cascade::testing::Reply;
using ::cascade::testing::StartStream;
using ::cascade::testing::StreamCall;
using ::testing::HasSubstr;

// Tokens of more than 100 bytes each, which soon fill the windows of an unread call.
Ask LargeTokens(std::uint32_t count) { return {.tokens = count, .candidates = 20}; }

// An answer that is generated to its end, since it is too short to be stalled, and does not fit the
// windows.
Ask Unreadable() { return LargeTokens(kMaxUnsent.tokens); }

class SlowReaderTest : public DialectTest {
 protected:
  // A call that was accepted and is not read, on a connection of its own, whose stream windows are
  // small.
  std::unique_ptr<StreamCall> Unread(const Ask& ask) {
    grpc::ChannelArguments arguments;
    arguments.SetInt(GRPC_ARG_HTTP2_STREAM_LOOKAHEAD_BYTES, 1024);
    std::unique_ptr<StreamCall> call = StartStream(GetParam(), served().NewChannel(arguments), ask);
    call->WaitUntilAccepted();
    return call;
  }

  void WaitUntilOneIsStalled() {
    WaitFor([](const WorkerStats& stats) { return stats.stalled == 1; });
  }
};

TEST_P(SlowReaderTest, PausesItsOwnAnswerAloneAndGetsAllOfItInFewerMessages) {
  Serve();
  const auto slow = Unread(LargeTokens(3'000));
  WaitUntilOneIsStalled();
  EXPECT_TRUE(Generate({.tokens = 500}).status.ok());
  WaitUntilOneIsStalled();
  EXPECT_EQ(stats().counts.finished, 1U);  // the other one
  const Reply& reply = slow->Rest();
  EXPECT_TRUE(reply.status.ok()) << reply.status.error_message();
  EXPECT_EQ(reply.tokens.size(), 3'000U);
  EXPECT_EQ(reply.logprobs, 3'000U);
  EXPECT_EQ(reply.generated, 3'000U);
  EXPECT_LT(reply.messages, 3'000U);
  EXPECT_EQ(reply.tokens, Whole({.tokens = 3'000})->Rest().tokens);
}

TEST_P(SlowReaderTest, IsEndedWithAbortedWhenItTakesTooLong) {
  Serve([](Options& options) { options.worker.stalled_reader_limit = absl::Milliseconds(100); });
  const auto slow = Unread(LargeTokens(kEndless));
  WaitUntilIdle();
  const Reply& reply = slow->Rest();
  EXPECT_EQ(reply.status.error_code(), grpc::StatusCode::ABORTED) << reply.status.error_message();
  EXPECT_GT(reply.logprobs, 0U);  // what there was
  served().DrainAll();
  EXPECT_TRUE(served().EverythingIsFree());
}

TEST_P(SlowReaderTest, MayBeCancelledWhileItIsPaused) {
  Serve();
  const auto slow = Unread(LargeTokens(kEndless));
  WaitUntilOneIsStalled();
  EXPECT_EQ(slow->Cancel().status.error_code(), grpc::StatusCode::CANCELLED);
  WaitUntilIdle();  // the worker slept, and was woken
  served().DrainAll();
  EXPECT_TRUE(served().EverythingIsFree());
}

TEST_P(SlowReaderTest, AnAnswerThatNobodyTakesIsGivenUp) {
  Serve([](Options& options) { options.worker.stalled_reader_limit = absl::Milliseconds(200); });
  const auto slow = Unread(Unreadable());
  while (backend().open_generations.held() > 0) std::this_thread::yield();  // for ever, if kept
  EXPECT_EQ(slow->Rest().status.error_code(), grpc::StatusCode::CANCELLED);
}

TEST_P(SlowReaderTest, UnreadAnswersAreBoundedInNumber) {
  Serve([](Options& options) {
    options.worker.max_running = 1;
    options.worker.max_queued = 0;
  });
  std::vector<std::unique_ptr<StreamCall>> unread;
  for (int i = 0; i < 2; ++i) {
    unread.push_back(Unread(Unreadable()));
    WaitUntilIdle();
  }
  EXPECT_EQ(backend().open_generations.held(), 2U);
  const Reply refused = Generate({});
  EXPECT_EQ(refused.status.error_code(), grpc::StatusCode::RESOURCE_EXHAUSTED);
  EXPECT_THAT(refused.status.error_message(), HasSubstr("2 answers"));
  EXPECT_TRUE(unread.front()->Rest().status.ok());
  while (backend().open_generations.held() == 2) std::this_thread::yield();
  EXPECT_TRUE(Generate({}).status.ok());
}

INSTANTIATE_TEST_SUITE_P(Dialects, SlowReaderTest, kDialects, NameOf);

}  // namespace
}  // namespace cascade::server
