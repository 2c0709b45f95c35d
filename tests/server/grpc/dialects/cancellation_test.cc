// SPDX-License-Identifier: Apache-2.0
// Calls that are cancelled before they start, in the queue, in their prompts and in their answers,
// in every dialect.
#include <cstdint>
#include <memory>
#include <thread>

#include "gtest/gtest.h"
#include "tests/server/grpc/dialects/dialect_test.h"

namespace cascade::server {
namespace {

using ::cascade::testing::Ask;
using ::cascade::testing::DialectTest;
using ::cascade::testing::kDialects;
using ::cascade::testing::kEndless;
using ::cascade::testing::LongText;
using ::cascade::testing::NameOf;

constexpr int kRounds = 20;
constexpr std::uint32_t kLongPrompt = 20'000;
constexpr std::uint32_t kVocabulary = 4096;

// A server of which one call fills the only place, with steps of 16 rows.
class CancellationTest : public DialectTest {
 protected:
  CancellationTest() {
    Serve([](Options& options) {
      options.worker.max_running = 1;
      options.worker.step_tokens = 16;
    });
  }

  // None begins like another, which the prefix cache would have.
  static Ask LongPrompt(std::uint32_t round) {
    Ask ask = {.tokens = 10};
    for (std::uint32_t i = 0; i < kLongPrompt; ++i) ask.ids.push_back((i + round) % kVocabulary);
    return ask;
  }
};

TEST_P(CancellationTest, WhileItDecodes) {
  for (int round = 0; round < kRounds; ++round) {
    const std::uint64_t before = stats().counts.generated_tokens;
    const auto call = Whole({.tokens = kEndless});
    WaitFor(
        [before](const WorkerStats& stats) { return stats.counts.generated_tokens > before + 3; });
    EXPECT_EQ(call->Cancel().status.error_code(), grpc::StatusCode::CANCELLED);
    WaitUntilFree();
  }
}

TEST_P(CancellationTest, WhileItStreams) {
  for (int round = 0; round < kRounds; ++round) {
    const auto call = Stream({.tokens = kEndless});
    EXPECT_TRUE(call->ReadToken());
    EXPECT_EQ(call->Cancel().status.error_code(), grpc::StatusCode::CANCELLED);
    WaitUntilFree();
  }
}

TEST_P(CancellationTest, WhileItsPromptRuns) {
  for (std::uint32_t round = 0; round < kRounds; ++round) {
    const std::uint64_t before = stats().counts.prompt_tokens;
    const auto call = Whole(LongPrompt(round));
    WaitFor([before](const WorkerStats& stats) { return stats.counts.prompt_tokens > before; });
    EXPECT_EQ(call->Cancel().status.error_code(), grpc::StatusCode::CANCELLED);
    WaitUntilFree();
    EXPECT_LT(stats().counts.prompt_tokens, before + kLongPrompt);
  }
}

TEST_P(CancellationTest, WhileItWaitsAndTheRunningOneGoesOn) {
  const auto running = Whole({.tokens = kEndless});
  WaitFor([](const WorkerStats& stats) { return stats.running == 1; });
  for (int round = 0; round < kRounds; ++round) {
    const auto waiting = Whole({.tokens = 10});
    WaitFor([](const WorkerStats& stats) { return stats.queued == 1; });
    EXPECT_EQ(waiting->Cancel().status.error_code(), grpc::StatusCode::CANCELLED);
    WaitFor([](const WorkerStats& stats) { return stats.queued == 0; });
    WaitUntilItRuns();
  }
  EXPECT_EQ(running->Cancel().status.error_code(), grpc::StatusCode::CANCELLED);
  WaitUntilFree();
  EXPECT_EQ(backend().admission.held(), 0U);
}

// Whether the server had begun with it or not.
TEST_P(CancellationTest, AtOnceWhileALongTextIsTokenized) {
  const Ask ask = {.tokens = kEndless, .text = LongText(), .truncate_to = 8};
  for (int round = 0; round < kRounds; ++round) {
    EXPECT_EQ(Stream(ask)->Cancel().status.error_code(), grpc::StatusCode::CANCELLED);
  }
  served().DrainAll();
  while (!served().EverythingIsFree()) std::this_thread::yield();  // the texts in hand have an end
}

INSTANTIATE_TEST_SUITE_P(Dialects, CancellationTest, kDialects, NameOf);

}  // namespace
}  // namespace cascade::server
