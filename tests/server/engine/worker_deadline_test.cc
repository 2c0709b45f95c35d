// SPDX-License-Identifier: Apache-2.0
// Deadlines, time limits, and who comes first.
#include <cstddef>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "server/engine/worker.h"
#include "tests/server/engine/gate.h"
#include "tests/server/engine/recording_sink.h"
#include "tests/server/engine/tiny_engine.h"

namespace cascade::server {
namespace {

using testing::Gate;
using ::testing::HasSubstr;
using testing::MakeTinyWorker;
using testing::ManualClock;
using testing::RecordingSink;
using testing::Request;
using testing::SinkRecord;

// `decoder_` stops the worker at each of its tokens; a step in which it makes one takes 1 s.
class WorkerDeadlineTest : public ::testing::Test {
 protected:
  WorkerDeadlineTest() {
    decoder_.on_step = [this](std::size_t) {
      clock_.Advance(absl::Seconds(1));
      gate_.Pass();
    };
  }

  std::unique_ptr<Worker> NewWorker(std::size_t max_running) {
    return MakeTinyWorker(tokenizer_, {.worker = {.max_running = max_running,
                                                  .step_tokens = 8,
                                                  .speculate = false,
                                                  .priority_ageing = absl::Seconds(10),
                                                  .clock = [this] { return clock_.now(); }}});
  }

  GenerationRequest FinishBy(absl::Duration from_now, GenerationRequest request) {
    request.finish_by = clock_.now() + from_now;
    return request;
  }

  GenerationRequest Until(absl::Duration from_now, GenerationRequest request) {
    request.deadline = clock_.now() + from_now;
    return request;
  }

  static void ExpectTimeLimit(const SinkRecord& record, std::size_t tokens) {
    EXPECT_EQ(record.end, absl::OkStatus());
    ASSERT_TRUE(record.finish.has_value());
    EXPECT_EQ(record.finish->reason, model::FinishReason::kTimeLimit);
    EXPECT_EQ(record.tokens.size(), tokens);
    EXPECT_EQ(record.ends, 1U);
  }

  const model::Tokenizer tokenizer_ = testing::BundledTokenizer();
  ManualClock clock_;
  Gate gate_;
  RecordingSink decoder_;
  RecordingSink sink_;
};

TEST_F(WorkerDeadlineTest, ATimeLimitInTheQueueFinishesWithNothing) {
  const auto worker = NewWorker(1);
  worker->Submit(Request(3, 9, decoder_));
  gate_.AwaitVisitor();
  worker->Submit(FinishBy(absl::Milliseconds(1500), Request(3, 9, sink_)));
  gate_.Next();  // after 1 s
  EXPECT_EQ(sink_.record().ends, 0U);
  gate_.Next();  // after 2 s
  gate_.Next();
  ExpectTimeLimit(sink_.record(), 0);
  EXPECT_EQ(sink_.record().starts, 0U);
  EXPECT_EQ(sink_.record().stats.timings.queue, absl::Seconds(2));
  EXPECT_EQ(worker->stats().queued, 0U);
  gate_.Open();
}

TEST_F(WorkerDeadlineTest, ATimeLimitInPrefillFinishesWithNothingAndFreesTheBlocks) {
  const auto worker = NewWorker(2);
  worker->Submit(Request(3, 20, decoder_));
  gate_.AwaitVisitor();
  const std::size_t free_blocks = worker->stats().free_blocks;
  worker->Submit(FinishBy(absl::Milliseconds(1500), Request(50, 9, sink_)));
  gate_.Next();
  gate_.Next();  // 14 of 50 tokens have run, and 2 s have passed
  gate_.Next();
  ExpectTimeLimit(sink_.record(), 0);
  EXPECT_EQ(sink_.record().starts, 1U);
  EXPECT_EQ(worker->stats().free_blocks, free_blocks);
  gate_.Open();
}

TEST_F(WorkerDeadlineTest, ATimeLimitInDecodeFinishesWithWhatThereIs) {
  const auto worker = NewWorker(2);
  worker->Submit(Request(3, 20, decoder_));
  gate_.AwaitVisitor();
  worker->Submit(FinishBy(absl::Milliseconds(1500), Request(5, 9, sink_)));
  gate_.Next();
  gate_.Next();  // both steps made it a token, and 2 s have passed
  gate_.Next();
  const SinkRecord record = sink_.record();
  ExpectTimeLimit(record, 2);
  gate_.Open();
  RecordingSink two_tokens;
  worker->Submit(Request(5, 2, two_tokens));
  EXPECT_EQ(record.text, two_tokens.Await().text) << "what was held back included";
}

TEST_F(WorkerDeadlineTest, ATimeLimitEndsOneWhoseReaderStalls) {
  sink_.SetStalled(true);
  const auto worker = NewWorker(2);
  worker->Submit(FinishBy(absl::Seconds(1), Request(5, 9, sink_)));
  while (worker->stats().running == 0) std::this_thread::yield();
  clock_.Advance(absl::Seconds(1));
  worker->Wake();
  sink_.Await();
  EXPECT_EQ(sink_.record().finish->reason, model::FinishReason::kTimeLimit);
}

TEST_F(WorkerDeadlineTest, ADeadlineThatCannotBeMetIsRefusedAtOnceWithTheEstimate) {
  const auto worker = NewWorker(2);
  worker->Submit(Request(3, 20, decoder_));
  gate_.AwaitVisitor();
  gate_.Next();
  gate_.Next();  // it has learned that a step takes a second
  RecordingSink in_time;
  worker->Submit(Until(absl::Milliseconds(600), Request(3, 1, in_time)));
  EXPECT_EQ(in_time.record().ends, 0U) << "it might be met: only half of an estimate is sure";
  worker->Submit(Until(absl::Milliseconds(400), Request(3, 1, sink_)));
  const SinkRecord refused = sink_.record();
  ASSERT_EQ(refused.ends, 1U);
  EXPECT_EQ(refused.ended_on, std::this_thread::get_id());
  EXPECT_EQ(refused.end->code(), absl::StatusCode::kDeadlineExceeded);
  EXPECT_THAT(refused.end->message(), HasSubstr("the deadline is in 400ms, but with 1 requests"));
  gate_.Open();
  EXPECT_EQ(decoder_.Await().end, absl::OkStatus());
}

TEST_F(WorkerDeadlineTest, TheEstimateLeavesOutWhatThePrefixCacheUsuallyHas) {
  // A prompt of 56 tokens is 8 steps of 7 beside the decoder: refused below 4 s.
  const auto refuses = [this](std::size_t earlier_askings) {
    Gate gate;
    RecordingSink decoder;
    const auto worker = NewWorker(2);
    for (std::size_t i = 0; i < earlier_askings; ++i) {
      RecordingSink earlier;
      worker->Submit(Request(56, 1, earlier));
      earlier.Await();
    }
    decoder.on_step = [this, &gate](std::size_t) {
      clock_.Advance(absl::Seconds(1));
      gate.Pass();
    };
    worker->Submit(Request(3, 40, decoder));
    gate.AwaitVisitor();
    for (int step = 0; step < 30; ++step) gate.Next();
    RecordingSink asked;
    worker->Submit(Until(absl::Milliseconds(2100), Request(56, 1, asked)));
    const bool refused = asked.record().ends > 0;
    gate.Open();
    asked.Await();
    return refused;
  };
  EXPECT_TRUE(refuses(1));
  EXPECT_FALSE(refuses(20));
}

TEST_F(WorkerDeadlineTest, TheEstimateLeavesOutThoseWhoDoNotRead) {
  RecordingSink earlier;
  earlier.on_step = [this](std::size_t) { clock_.Advance(absl::Seconds(1)); };
  RecordingSink stalled;
  stalled.SetStalled(true);
  const auto worker = NewWorker(1);
  worker->Submit(Request(3, 11, earlier));  // a request takes ten seconds
  earlier.Await();
  worker->Submit(Request(3, 9, stalled));
  while (worker->stats().stalled == 0) std::this_thread::yield();
  worker->Submit(Until(absl::Seconds(2), Request(3, 1, sink_)));
  EXPECT_EQ(sink_.Await().end, absl::OkStatus()) << "there is a place: who is stalled takes none";
}

TEST_F(WorkerDeadlineTest, AnIdleWorkerRefusesNoDeadlineHoweverSlowItHasBeen) {
  const auto worker = NewWorker(2);
  worker->Submit(Request(3, 5, decoder_));
  gate_.AwaitVisitor();
  clock_.Advance(absl::Minutes(10));  // as if the process had been stopped
  gate_.Open();
  decoder_.Await();
  worker->Submit(Until(absl::Milliseconds(1), Request(3, 5, sink_)));
  EXPECT_EQ(sink_.Await().end, absl::OkStatus()) << "or it would never learn that it is fast again";
}

TEST_F(WorkerDeadlineTest, ADeadlineThatHasPassedIsRefusedAsSuch) {
  const auto worker = NewWorker(2);
  worker->Submit(Until(-absl::Seconds(5), Request(3, 5, sink_)));
  EXPECT_EQ(sink_.record().end, absl::DeadlineExceededError("the request's deadline has passed"));
}

TEST_F(WorkerDeadlineTest, HigherPrioritiesStartFirst) {
  const auto worker = NewWorker(1);
  worker->Submit(Request(3, 3, decoder_));
  gate_.AwaitVisitor();
  std::string order;
  std::vector<RecordingSink> sinks(4);
  const int priorities[] = {0, 2, 0, 1};
  for (std::size_t i = 0; i < sinks.size(); ++i) {
    sinks[i].on_end = [&order, i] { order += std::to_string(i); };
    GenerationRequest request = Request(3, 3, sinks[i]);
    request.priority = priorities[i];
    worker->Submit(std::move(request));
  }
  gate_.Open();
  for (const RecordingSink& sink : sinks) EXPECT_EQ(sink.Await().end, absl::OkStatus());
  EXPECT_EQ(order, "1302");
}

TEST_F(WorkerDeadlineTest, WaitingIsWorthPriority) {
  const auto worker = NewWorker(1);
  worker->Submit(Request(3, 3, decoder_));
  gate_.AwaitVisitor();
  std::string order;
  RecordingSink fresh;
  sink_.on_end = [&order] { order += "old "; };
  fresh.on_end = [&order] { order += "fresh "; };
  worker->Submit(Request(3, 3, sink_));
  clock_.Advance(absl::Seconds(30));
  GenerationRequest request = Request(3, 3, fresh);
  request.priority = 2;
  worker->Submit(std::move(request));
  gate_.Open();
  fresh.Await();
  sink_.Await();
  EXPECT_EQ(order, "old fresh ");
}

}  // namespace
}  // namespace cascade::server
