// SPDX-License-Identifier: Apache-2.0
// How requests go through the worker. Those that leave early: worker_cancel_test.cc; what goes
// wrong: worker_failure_test.cc; its end: worker_drain_test.cc; the numbers: determinism_test.cc;
// all of it at once: stress_test.cc.
#include "server/engine/worker.h"

#include <cstddef>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "server/engine/admission.h"
#include "tests/server/engine/gate.h"
#include "tests/server/engine/recording_sink.h"
#include "tests/server/engine/tiny_engine.h"

namespace cascade::server {
namespace {

using ::testing::ElementsAre;
using testing::Gate;
using ::testing::HasSubstr;
using testing::MakeTinyWorker;
using testing::ManualClock;
using testing::RecordingSink;
using testing::Request;
using testing::SinkRecord;

class WorkerTest : public ::testing::Test {
 protected:
  // A sink that stops the worker at each of its tokens.
  void StopAtEveryToken(RecordingSink& sink) {
    sink.on_step = [this](std::size_t) { gate_.Pass(); };
  }

  const model::Tokenizer tokenizer_ = testing::BundledTokenizer();
  Gate gate_;
};

TEST_F(WorkerTest, ARequestGetsItsTokensAndThenItsEnd) {
  RecordingSink sink;
  const auto worker = MakeTinyWorker(tokenizer_, {});
  worker->Submit(Request(5, 7, sink));
  const SinkRecord record = sink.Await();
  EXPECT_EQ(record.end, absl::OkStatus());
  EXPECT_EQ(record.tokens.size(), 7U);
  ASSERT_TRUE(record.finish.has_value());
  EXPECT_EQ(record.finish->reason, model::FinishReason::kMaxTokens);
  EXPECT_FALSE(record.called_after_end);
}

TEST_F(WorkerTest, GeneratesToTheEndOfTheContext) {
  RecordingSink sink;
  const auto worker = MakeTinyWorker(tokenizer_, {});
  worker->Submit(Request(60, 1000, sink));
  const SinkRecord record = sink.Await();
  EXPECT_EQ(record.tokens.size(), 4U);
  EXPECT_EQ(record.finish->reason, model::FinishReason::kContextFull);
}

TEST_F(WorkerTest, EverySinkIsEndedExactlyOnce) {
  constexpr std::size_t kThreads = 4;
  std::vector<RecordingSink> sinks(64);
  Admission admission(64);
  {
    const auto worker = MakeTinyWorker(tokenizer_, {.blocks = 8});
    std::vector<std::thread> callers;
    for (std::size_t t = 0; t < kThreads; ++t) {
      callers.emplace_back([&, t] {
        for (std::size_t i = t; i < sinks.size(); i += kThreads) {
          GenerationRequest request = Request(1 + i % 30, 1 + i % 11, sinks[i]);
          request.permit = admission.TryEnter();
          worker->Submit(std::move(request));
          if (i % 3 == 0) sinks[i].Cancel();
        }
      });
    }
    for (std::thread& caller : callers) caller.join();
    worker->Drain(absl::InfiniteFuture());
    EXPECT_EQ(worker->stats().free_blocks, 8U);
  }
  for (std::size_t i = 0; i < sinks.size(); ++i) {
    const SinkRecord record = sinks[i].record();
    EXPECT_EQ(record.ends, 1U);
    EXPECT_FALSE(record.called_after_end);
    if (i % 3 == 0) continue;  // may have been cancelled in time
    EXPECT_EQ(record.tokens.size(), 1 + i % 11);
  }
  EXPECT_EQ(admission.held(), 0U);
}

TEST_F(WorkerTest, BlocksAndPermitAreBackBeforeTheLastTokenIsHeard) {
  Admission admission(1);
  RecordingSink sink;
  const auto worker = MakeTinyWorker(tokenizer_, {.blocks = 4});
  std::vector<std::size_t> held;
  std::vector<std::size_t> free_blocks;
  sink.on_step = [&](std::size_t) {
    held.push_back(admission.held());
    free_blocks.push_back(worker->stats().free_blocks);
  };
  GenerationRequest request = Request(5, 3, sink);
  request.permit = admission.TryEnter();
  worker->Submit(std::move(request));
  sink.Await();
  EXPECT_THAT(held, ElementsAre(1, 1, 0));
  EXPECT_THAT(free_blocks, ElementsAre(3, 3, 4));
}

TEST_F(WorkerTest, TheHeadOfTheLineWaitsAndSmallerOnesWaitBehindIt) {
  RecordingSink running;
  RecordingSink large;
  RecordingSink small;
  StopAtEveryToken(running);
  std::string order;
  large.on_step = [&](std::size_t count) { order += count == 1 ? "large " : ""; };
  small.on_step = [&](std::size_t count) { order += count == 1 ? "small " : ""; };
  const auto worker = MakeTinyWorker(tokenizer_, {.blocks = 4});

  worker->Submit(Request(33, 8, running));  // 3 blocks
  gate_.AwaitVisitor();
  worker->Submit(Request(20, 2, large));  // 2 blocks: must wait
  worker->Submit(Request(3, 2, small));   // 1 block: would fit
  gate_.Next();
  const WorkerStats stats = worker->stats();
  EXPECT_EQ(stats.running, 1U);
  EXPECT_EQ(stats.queued, 2U);
  EXPECT_EQ(stats.free_blocks, 1U);
  gate_.Open();
  EXPECT_EQ(running.Await().end, absl::OkStatus());
  EXPECT_EQ(large.Await().end, absl::OkStatus());
  EXPECT_EQ(small.Await().end, absl::OkStatus());
  EXPECT_EQ(order, "large small ");
}

TEST_F(WorkerTest, NoMoreThanMaxRunningRunAtOnce) {
  RecordingSink first;
  RecordingSink second;
  RecordingSink third;
  StopAtEveryToken(first);
  const auto worker = MakeTinyWorker(tokenizer_, {.worker = {.max_running = 2}});
  worker->Submit(Request(3, 9, first));
  gate_.AwaitVisitor();
  worker->Submit(Request(3, 9, second));
  worker->Submit(Request(3, 9, third));
  gate_.Next();
  EXPECT_EQ(worker->stats().running, 2U);
  EXPECT_EQ(worker->stats().queued, 1U);
  gate_.Open();
  EXPECT_EQ(third.Await().end, absl::OkStatus());
}

TEST_F(WorkerTest, ALongPromptDoesNotHoldUpTheDecoders) {
  RecordingSink decoder;
  RecordingSink prompt;
  StopAtEveryToken(decoder);
  std::size_t decoded = 0;  // when the prompt has its first token
  prompt.on_step = [&](std::size_t) { decoded = decoder.record().tokens.size(); };
  const auto worker = MakeTinyWorker(tokenizer_, {.worker = {.max_running = 2, .step_tokens = 8}});
  worker->Submit(Request(3, 40, decoder));
  gate_.AwaitVisitor();
  worker->Submit(Request(50, 1, prompt));
  gate_.Open();
  prompt.Await();
  EXPECT_EQ(decoded, 1U + 8U);  // 50 tokens, 7 a step beside the decoder: 8 steps
}

TEST_F(WorkerTest, SaysWhereTheTimeWent) {
  ManualClock clock;
  RecordingSink decoder;
  RecordingSink measured;
  decoder.on_step = [&](std::size_t count) {
    if (count == 1) gate_.Pass();
    if (count > 1) clock.Advance(absl::Seconds(1));  // every step takes a second
  };
  const auto worker = MakeTinyWorker(
      tokenizer_,
      {.worker = {.max_running = 2, .step_tokens = 8, .clock = [&] { return clock.now(); }}});
  worker->Submit(Request(3, 20, decoder));
  gate_.AwaitVisitor();
  worker->Submit(Request(21, 5, measured));  // 7 rows a step beside the decoder
  clock.Advance(absl::Seconds(5));
  gate_.Open();
  const Timings timings = measured.Await().stats.timings;
  EXPECT_EQ(timings.queue, absl::Seconds(5));
  EXPECT_EQ(timings.prefill, absl::Seconds(2));
  EXPECT_EQ(timings.decode, absl::Seconds(4));
}

TEST_F(WorkerTest, MeasuresTheTimeBetweenTokensAndItsSteps) {
  ManualClock clock;
  RecordingSink sink;
  sink.on_step = [&](std::size_t) { clock.Advance(absl::Seconds(1)); };  // within a step
  const auto worker = MakeTinyWorker(
      tokenizer_,
      {.worker = {.max_running = 1, .speculate = false, .clock = [&] { return clock.now(); }}});
  worker->Submit(Request(3, 5, sink));
  sink.Await();
  const WorkerStats stats = worker->stats();
  EXPECT_EQ(stats.counts.token_intervals.count(), 4U);  // none before the first token
  EXPECT_DOUBLE_EQ(stats.counts.token_intervals.sum, 4.0);
  EXPECT_EQ(stats.step_seconds.count(), 5U);
  EXPECT_EQ(stats.step_rows.count(), 5U);
  EXPECT_DOUBLE_EQ(stats.step_rows.sum, 3 + 4);
}

TEST_F(WorkerTest, CountsWhatItDoes) {
  RecordingSink sink;
  const auto worker = MakeTinyWorker(
      tokenizer_,
      {.blocks = 5, .worker = {.max_running = 1, .step_tokens = 4, .speculate = false}});
  worker->Submit(Request(10, 6, sink));
  sink.Await();
  const WorkerStats stats = worker->stats();
  EXPECT_EQ(stats.counts.prompt_tokens, 10U);
  EXPECT_EQ(stats.counts.generated_tokens, 6U);
  EXPECT_EQ(stats.counts.steps,
            3U + 5U);  // 3 chunks, the last of which makes a token, and 5 decode rows
  EXPECT_EQ(stats.queued + stats.running, 0U);
  EXPECT_EQ(stats.free_blocks, 5U);
  EXPECT_EQ(stats.total_blocks, 5U);
}

TEST_F(WorkerTest, RefusesAtOnceWhatCanNeverRun) {
  Admission admission(1);
  RecordingSink sink;
  const auto worker = MakeTinyWorker(tokenizer_, {.blocks = 2});
  GenerationRequest request = Request(20, 14, sink);
  request.permit = admission.TryEnter();
  worker->Submit(std::move(request));
  const SinkRecord record = sink.record();  // no waiting: Submit has ended it
  ASSERT_EQ(record.ends, 1U);
  EXPECT_EQ(record.end->code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(record.end->message(), HasSubstr("need 3 blocks of the KV cache, which has 2"));
  EXPECT_EQ(record.ended_on, std::this_thread::get_id());
  EXPECT_EQ(admission.held(), 0U);
}

TEST_F(WorkerTest, RefusesBeyondItsQueue) {
  RecordingSink running;
  RecordingSink waiting;
  RecordingSink refused;
  StopAtEveryToken(running);
  const auto worker = MakeTinyWorker(tokenizer_, {.worker = {.max_running = 1, .max_queued = 0}});
  worker->Submit(Request(3, 9, running));
  gate_.AwaitVisitor();
  worker->Submit(Request(3, 9, waiting));
  worker->Submit(Request(3, 9, refused));
  EXPECT_EQ(refused.record().end->code(), absl::StatusCode::kResourceExhausted);
  EXPECT_EQ(refused.record().ended_on, std::this_thread::get_id());
  gate_.Open();
  EXPECT_EQ(waiting.Await().end, absl::OkStatus());
}

TEST(CheckWorkerOptionsTest, WantsRoomForEveryDecoderInAStepAndForTheStepInTheModel) {
  EXPECT_TRUE(CheckWorkerOptions({.max_running = 8, .step_tokens = 8}, 8).ok());
  EXPECT_FALSE(CheckWorkerOptions({.max_running = 0, .step_tokens = 8}, 8).ok());
  EXPECT_THAT(
      CheckWorkerOptions({.max_running = 9, .step_tokens = 8}, 100).message(),
      HasSubstr("max_running is 9; must be at least 1 and at most step_tokens, which is 8"));
  const absl::Status status = CheckWorkerOptions({.max_running = 4, .step_tokens = 9}, 8);
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(status.message(), HasSubstr("step_tokens is 9; must be at most 8"));
}

}  // namespace
}  // namespace cascade::server
