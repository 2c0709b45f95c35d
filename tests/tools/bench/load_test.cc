// SPDX-License-Identifier: Apache-2.0
// Loads against a server of the test's own.
#include "tools/cascade/bench/load.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <cstdint>
#include <utility>
#include <vector>

#include "tests/tools/bench/text_generation_fake.h"

namespace cascade::cli::bench {
namespace {

using ::cascade::testing::FakeServer;
using ::cascade::testing::FullFor;
using ::cascade::testing::TextGenerationFake;
using ::testing::HasSubstr;

constexpr std::uint32_t kTokens = 5;

class LoadTest : public ::testing::Test {
 protected:
  LoadTest() {
    workload_.prompt_tokens = LengthDistribution(10);
    workload_.output_tokens = LengthDistribution(kTokens);
  }

  LoadResult Run() {
    v1::GetModelResponse model;
    service_.GetModel(nullptr, nullptr, &model);
    const FakeServer server(service_);
    const auto stubs = server.Stubs(2);
    const Workload workload = *Workload::Create(workload_, model, "");
    Load load(options_, workload, stubs);
    return load.Run(
        stop_.get_token(), absl::Milliseconds(1),
        [this](const Counts& counts, auto /*elapsed*/) { progress_.push_back(counts); });
  }

  TextGenerationFake service_;
  WorkloadOptions workload_;
  LoadOptions options_;
  std::stop_source stop_;
  std::vector<Counts> progress_;
};

TEST_F(LoadTest, CountsWhatCame) {
  options_.requests = 20;
  options_.offered.concurrency = 3;
  const LoadResult result = Run();
  const Counts& counts = result.counts;
  EXPECT_EQ(service_.calls(), 20U);
  EXPECT_EQ(counts.started, 20U);
  EXPECT_EQ(counts.Succeeded(), 20U);
  EXPECT_EQ(counts.Finished(), 20U);
  EXPECT_EQ(counts.InFlight(), 0U);
  EXPECT_EQ(counts.prompt_tokens, 20U * 10);
  EXPECT_EQ(counts.cached_tokens, 20U);
  EXPECT_EQ(counts.generated_tokens, 20U * kTokens);
  EXPECT_EQ(counts.answer_tokens, 20U * kTokens);
  EXPECT_EQ(counts.messages, 20U * kTokens);
  EXPECT_EQ(counts.first_token.count(), 20U);
  EXPECT_EQ(counts.between_messages.count(), 20U * (kTokens - 1));
  EXPECT_EQ(counts.per_token.count(), 20U);
  EXPECT_EQ(counts.whole_answer.count(), 20U);
  EXPECT_EQ(counts.refusal.count(), 0U);
  EXPECT_FALSE(result.interrupted);
}

TEST_F(LoadTest, TimesContainEachOther) {
  options_.requests = 10;
  const LoadResult result = Run();
  const Counts& counts = result.counts;
  EXPECT_GT(counts.first_token.min().count(), 0);
  EXPECT_LT(counts.first_token.min(), counts.whole_answer.min());
  EXPECT_LT(counts.first_token.max(), counts.whole_answer.max());
  EXPECT_LE(counts.between_messages.max(), counts.whole_answer.max());
  EXPECT_LE(counts.whole_answer.max(), result.elapsed);
}

TEST_F(LoadTest, AClosedLoopHasItsConcurrencyInFlightAndNoMore) {
  options_.requests = 20;
  options_.offered.concurrency = 4;
  service_.wait_for = 4;
  EXPECT_EQ(Run().counts.Succeeded(), 20U);
  EXPECT_EQ(service_.most_at_once(), 4U);
}

TEST_F(LoadTest, AnOpenLoopDoesNotWaitForAnswers) {
  options_.requests = 10;
  options_.offered.rate = 1000;
  service_.wait_for = 10;  // nothing is answered before all have come
  EXPECT_EQ(Run().counts.Succeeded(), 10U);
}

TEST_F(LoadTest, AnOpenLoopCountsFromWhenARequestWasDue) {
  options_.requests = 30;
  options_.offered.rate = 1e6;
  options_.max_in_flight = 1;  // so that nearly all of them start late
  const Counts counts = Run().counts;
  EXPECT_EQ(service_.most_at_once(), 1U);
  EXPECT_GE(counts.whole_answer.max(), counts.start_lag.max());
  EXPECT_GE(counts.first_token.max(), counts.start_lag.max());
}

TEST_F(LoadTest, StartsNoneAfterItsDuration) {
  options_.duration = absl::Milliseconds(20);
  const LoadResult result = Run();
  EXPECT_GE(result.counts.started, 1U);
  EXPECT_EQ(result.counts.Succeeded(), result.counts.started);
  EXPECT_EQ(service_.calls(), result.counts.started);
}

TEST_F(LoadTest, CountsErrorsByCodeWithTheFirstAsAnExample) {
  options_.requests = 6;
  options_.offered.concurrency = 2;
  service_.refuse = [](std::uint64_t index) -> grpc::Status {
    if (index == 1) return {grpc::StatusCode::INTERNAL, "broken"};
    if (index == 2 || index == 3) return FullFor(absl::Milliseconds(1));
    return grpc::Status::OK;
  };
  const Counts counts = Run().counts;
  EXPECT_EQ(counts.Succeeded(), 3U);
  EXPECT_EQ(counts.Failed(), 3U);
  ASSERT_EQ(counts.ended_by_server.size(), 3U);
  EXPECT_EQ(counts.ended_by_server.at(grpc::StatusCode::INTERNAL).count, 1U);
  EXPECT_EQ(counts.ended_by_server.at(grpc::StatusCode::INTERNAL).example, "INTERNAL: broken");
  EXPECT_EQ(counts.ended_by_server.at(grpc::StatusCode::RESOURCE_EXHAUSTED).count, 2U);
  EXPECT_THAT(counts.ended_by_server.at(grpc::StatusCode::RESOURCE_EXHAUSTED).example,
              HasSubstr("try again in 1ms"));
  EXPECT_EQ(counts.refusal.count(), 2U);
}

TEST_F(LoadTest, AClosedLoopComesBackWhenItIsToldTo) {
  options_.requests = 2;
  service_.refuse = [](std::uint64_t index) {
    return index == 0 ? FullFor(absl::Milliseconds(150)) : grpc::Status::OK;
  };
  EXPECT_GE(Run().elapsed, std::chrono::milliseconds(150));
}

TEST_F(LoadTest, AnOpenLoopComesAgainAtOnce) {
  options_.requests = 20;
  options_.offered.rate = 1000;
  service_.refuse = [](std::uint64_t /*index*/) { return FullFor(absl::Milliseconds(999)); };
  EXPECT_LT(Run().counts.start_lag.max(), std::chrono::milliseconds(999));
}

TEST_F(LoadTest, CancelsAsPlannedAndTellsItFromErrors) {
  options_.requests = 12;
  options_.offered.concurrency = 3;
  workload_.cancel_rate = 1;
  service_.endless = true;
  const Counts counts = Run().counts;
  EXPECT_EQ(counts.cancelled, 12U);
  EXPECT_EQ(counts.Finished(), 12U);
  EXPECT_EQ(counts.Failed(), 0U);
  EXPECT_EQ(counts.whole_answer.count(), 0U);
  EXPECT_EQ(counts.first_token.count(), 12U);
  EXPECT_EQ(counts.answer_tokens, 0U);
  EXPECT_GE(counts.generated_tokens, 12U);
}

TEST_F(LoadTest, AStopCancelsWhatIsInFlightAndStartsNoMore) {
  options_.requests = 100;
  options_.offered.concurrency = 3;
  service_.endless = true;
  service_.wait_for = 3;
  service_.on_all_here = [this] { stop_.request_stop(); };
  const LoadResult result = Run();
  EXPECT_TRUE(result.interrupted);
  EXPECT_EQ(result.counts.interrupted, 3U);
  EXPECT_EQ(result.counts.started, 3U);
  EXPECT_EQ(result.counts.Failed(), 0U);
}

TEST_F(LoadTest, SlowReadersGetTheirAnswersAndMeasureNothing) {
  options_.requests = 4;
  options_.offered.concurrency = 4;
  workload_.slow_readers = 1;
  workload_.read_delay = absl::Milliseconds(5);
  const LoadResult result = Run();
  EXPECT_EQ(result.counts.Succeeded(), 4U);
  EXPECT_EQ(result.counts.slow_readers, 4U);
  EXPECT_EQ(result.counts.generated_tokens, 4U * kTokens);
  EXPECT_EQ(result.counts.first_token.count(), 0U);
  EXPECT_EQ(result.counts.between_messages.count(), 0U);
  EXPECT_EQ(result.counts.per_token.count(), 0U);
  EXPECT_EQ(result.counts.whole_answer.count(), 0U);
  // A delay after the prompt and after each of five tokens, at least.
  EXPECT_GE(result.elapsed, std::chrono::milliseconds(30));
}

TEST_F(LoadTest, EachCallHasItsDeadline) {
  options_.requests = 2;
  options_.timeout = absl::Milliseconds(50);
  service_.endless = true;
  const Counts counts = Run().counts;
  EXPECT_EQ(counts.ended_by_server.at(grpc::StatusCode::DEADLINE_EXCEEDED).count, 2U);
}

TEST_F(LoadTest, AnAnswerWithoutItsSummaryIsNone) {
  options_.requests = 1;
  service_.leaves_summary_out = true;
  const Counts counts = Run().counts;
  EXPECT_THAT(counts.ended_by_server.at(grpc::StatusCode::DATA_LOSS).example,
              HasSubstr("without its summary"));
  EXPECT_EQ(counts.Succeeded(), 0U);
}

TEST_F(LoadTest, AnAnswerThatLacksTokensIsNone) {
  options_.requests = 1;
  service_.summary_adds = 1;
  EXPECT_THAT(Run().counts.ended_by_server.at(grpc::StatusCode::DATA_LOSS).example,
              HasSubstr("counts 6 tokens, but 5 came"));
}

TEST_F(LoadTest, TellsItsProgress) {
  options_.requests = 3;
  service_.refuse = [](std::uint64_t /*index*/) -> grpc::Status {
    return {grpc::StatusCode::UNKNOWN, "each costs its client 100 ms"};
  };
  const LoadResult result = Run();
  ASSERT_FALSE(progress_.empty());
  for (const Counts& counts : progress_) EXPECT_LE(counts.started, result.counts.started);
}

TEST_F(LoadTest, ManyStreamsAtOnce) {
  options_.requests = 1500;
  options_.offered.concurrency = 500;
  const Counts counts = Run().counts;
  EXPECT_EQ(counts.Succeeded(), 1500U);
  EXPECT_EQ(counts.generated_tokens, 1500U * kTokens);
}

}  // namespace
}  // namespace cascade::cli::bench
