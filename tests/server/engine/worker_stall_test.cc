// SPDX-License-Identifier: Apache-2.0
// Who does not read pauses alone, gives way, and resumes where it was, or ends.
#include <cstddef>
#include <memory>
#include <thread>
#include <utility>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "server/engine/worker.h"
#include "tests/server/engine/gate.h"
#include "tests/server/engine/recording_sink.h"
#include "tests/server/engine/same_bits.h"
#include "tests/server/engine/tiny_engine.h"

namespace cascade::server {
namespace {

using testing::Gate;
using ::testing::HasSubstr;
using testing::MakeTinyWorker;
using testing::ManualClock;
using testing::RecordingSink;
using testing::Request;
using testing::SameResult;
using testing::SinkRecord;

class WorkerStallTest : public ::testing::Test {
 protected:
  WorkerStallTest() {
    slow_.on_step = [this](std::size_t count) {
      if (count == 3) slow_.SetStalled(true);
    };
  }

  std::unique_ptr<Worker> NewWorker(std::size_t blocks = 32) {
    return MakeTinyWorker(tokenizer_, {.blocks = blocks,
                                       .worker = {.max_running = 2,
                                                  .speculate = false,
                                                  .stalled_reader_limit = absl::Seconds(30),
                                                  .clock = [this] { return clock_.now(); }}});
  }

  // Needs 4 blocks.
  GenerationRequest SlowRequest(RecordingSink& sink) {
    GenerationRequest request = Request(10, 50, sink);
    request.params.output = {.logprobs = true, .candidates = 2};
    return request;
  }

  SinkRecord Alone() {
    RecordingSink sink;
    const auto worker = NewWorker();
    worker->Submit(SlowRequest(sink));
    return sink.Await();
  }

  static void AwaitStalled(const Worker& worker) {
    while (worker.stats().stalled == 0) std::this_thread::yield();
  }

  // Turns go by.
  static void RunAnother(Worker& worker) {
    RecordingSink other;
    worker.Submit(Request(5, 2, other));
    other.Await();
  }

  const model::Tokenizer tokenizer_ = testing::BundledTokenizer();
  ManualClock clock_;
  Gate gate_;
  RecordingSink slow_;
};

TEST_F(WorkerStallTest, PausesAloneAndResumesWhereItWas) {
  RecordingSink neighbor;
  const auto worker = NewWorker();
  worker->Submit(SlowRequest(slow_));
  worker->Submit(Request(5, 40, neighbor));
  EXPECT_EQ(neighbor.Await().tokens.size(), 40U);
  AwaitStalled(*worker);
  EXPECT_EQ(slow_.record().tokens.size(), 3U);
  EXPECT_EQ(worker->stats().running, 1U);
  slow_.SetStalled(false);
  worker->Wake();
  EXPECT_TRUE(SameResult(slow_.Await(), Alone()));
  EXPECT_EQ(worker->stats().counts.recomputed_tokens, 0U) << "nobody needed its blocks";
  EXPECT_EQ(worker->stats().stalled, 0U);
  EXPECT_EQ(worker->stats().counts.stalls, 1U);
}

TEST_F(WorkerStallTest, TakesNoPlaceInTheBatchMeanwhile) {
  RecordingSink first;
  RecordingSink second;
  const auto worker = NewWorker();
  worker->Submit(SlowRequest(slow_));
  AwaitStalled(*worker);
  first.on_step = [this](std::size_t) { gate_.Pass(); };
  worker->Submit(Request(5, 20, first));
  gate_.AwaitVisitor();
  worker->Submit(Request(5, 20, second));
  gate_.Next();
  EXPECT_EQ(worker->stats().running, 3U) << "of at most 2 in a step";
  EXPECT_EQ(second.record().starts, 1U);
  gate_.Open();
  EXPECT_EQ(second.Await().end, absl::OkStatus());
}

TEST_F(WorkerStallTest, GivesItsBlocksToOthersMeanwhile) {
  RecordingSink other;
  const auto worker = NewWorker(/*blocks=*/4);
  worker->Submit(SlowRequest(slow_));
  AwaitStalled(*worker);
  worker->Submit(Request(20, 40, other));  // needs all 4 blocks
  EXPECT_EQ(other.Await().tokens.size(), 40U);
  EXPECT_EQ(worker->stats().counts.preemptions, 1U);
  EXPECT_EQ(slow_.record().ends, 0U);
  slow_.SetStalled(false);
  worker->Wake();
  EXPECT_TRUE(SameResult(slow_.Await(), Alone()));
  EXPECT_EQ(worker->stats().free_blocks, 4U);
}

TEST_F(WorkerStallTest, EndsWhenTheLimitHasPassed) {
  const auto worker = NewWorker();
  worker->Submit(SlowRequest(slow_));
  AwaitStalled(*worker);
  for (int i = 0; i < 5; ++i) {
    clock_.Advance(absl::Seconds(6));
    RunAnother(*worker);
  }
  EXPECT_EQ(slow_.record().ends, 0U) << "not yet";
  clock_.Advance(absl::Milliseconds(1));
  worker->Wake();
  const SinkRecord record = slow_.Await();
  EXPECT_EQ(record.end->code(), absl::StatusCode::kAborted);
  EXPECT_THAT(record.end->message(), HasSubstr("not read for 30s"));
  EXPECT_EQ(record.tokens.size(), 3U);
  EXPECT_FALSE(record.finish.has_value());
  EXPECT_EQ(worker->stats().free_blocks, 32U);
  EXPECT_EQ(worker->stats().running, 0U);
}

TEST_F(WorkerStallTest, AStopOfTheProcessIsNotHeldAgainstIt) {
  const auto worker = NewWorker();
  worker->Submit(SlowRequest(slow_));
  AwaitStalled(*worker);
  clock_.Advance(absl::Hours(1));  // as if the process had been stopped
  RunAnother(*worker);
  EXPECT_EQ(slow_.record().ends, 0U) << "it could not read: the server did not send";
  slow_.SetStalled(false);
  worker->Wake();
  EXPECT_TRUE(SameResult(slow_.Await(), Alone()));
}

TEST_F(WorkerStallTest, WhoReadsAgainInTimeIsNotEndedHoweverLateTheWorkerLooks) {
  RecordingSink neighbor;
  neighbor.on_step = [this](std::size_t) { gate_.Pass(); };
  const auto worker = NewWorker();
  worker->Submit(SlowRequest(slow_));
  AwaitStalled(*worker);
  worker->Submit(Request(5, 20, neighbor));
  gate_.AwaitVisitor();  // the worker stands in a step
  slow_.SetStalled(false);
  clock_.Advance(absl::Seconds(31));
  gate_.Open();
  EXPECT_TRUE(SameResult(slow_.Await(), Alone()));
}

TEST_F(WorkerStallTest, EveryStallHasTheWholeLimit) {
  slow_.on_step = [this](std::size_t count) {
    if (count == 3 || count == 6) slow_.SetStalled(true);
  };
  const auto worker = NewWorker();
  worker->Submit(SlowRequest(slow_));
  for (const std::size_t tokens : {3U, 6U}) {
    while (slow_.record().tokens.size() < tokens || worker->stats().stalled == 0) {
      std::this_thread::yield();
    }
    clock_.Advance(absl::Seconds(20));
    slow_.SetStalled(false);
    worker->Wake();
  }
  EXPECT_EQ(slow_.Await().end, absl::OkStatus());
}

TEST_F(WorkerStallTest, ACancelEndsItWhileAllAreStalled) {
  const auto worker = NewWorker();
  worker->Submit(SlowRequest(slow_));
  AwaitStalled(*worker);
  slow_.Cancel();
  worker->Wake();
  EXPECT_EQ(slow_.Await().end->code(), absl::StatusCode::kCancelled);
  EXPECT_EQ(worker->stats().free_blocks, 32U);
}

TEST_F(WorkerStallTest, ADrainWithADeadlineDoesNotWaitForIt) {
  const auto worker = NewWorker();
  worker->Submit(SlowRequest(slow_));
  AwaitStalled(*worker);
  worker->Drain(clock_.now());
  EXPECT_EQ(slow_.record().end->code(), absl::StatusCode::kUnavailable);
}

}  // namespace
}  // namespace cascade::server
