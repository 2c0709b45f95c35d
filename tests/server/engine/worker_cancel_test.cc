// SPDX-License-Identifier: Apache-2.0
// Who is cancelled or late ends before the next step, and gives everything back.
#include <memory>
#include <utility>

#include "gtest/gtest.h"
#include "server/engine/admission.h"
#include "server/engine/worker.h"
#include "tests/server/engine/gate.h"
#include "tests/server/engine/recording_sink.h"
#include "tests/server/engine/tiny_engine.h"

namespace cascade::server {
namespace {

using testing::Gate;
using testing::MakeTinyWorker;
using testing::ManualClock;
using testing::RecordingSink;
using testing::Request;
using testing::SinkRecord;

class WorkerCancelTest : public ::testing::Test {
 protected:
  // A sink that stops the worker at each of its tokens.
  void StopAtEveryToken(RecordingSink& sink) {
    sink.on_step = [this](std::size_t) { gate_.Pass(); };
  }

  const model::Tokenizer tokenizer_ = testing::BundledTokenizer();
  Gate gate_;
};

TEST_F(WorkerCancelTest, InTheQueueEndsBeforeTheNextStep) {
  Admission admission(1);
  RecordingSink running;
  RecordingSink waiting;
  StopAtEveryToken(running);
  const auto worker = MakeTinyWorker(tokenizer_, {.worker = {.max_running = 1}});
  worker->Submit(Request(3, 9, running));
  gate_.AwaitVisitor();
  GenerationRequest request = Request(3, 9, waiting);
  request.permit = admission.TryEnter();
  worker->Submit(std::move(request));
  gate_.Next();
  EXPECT_EQ(worker->stats().queued, 1U);
  waiting.Cancel();
  gate_.Next();
  EXPECT_EQ(waiting.record().end->code(), absl::StatusCode::kCancelled);
  EXPECT_EQ(worker->stats().queued, 0U);
  EXPECT_EQ(admission.held(), 0U);
  gate_.Open();
}

TEST_F(WorkerCancelTest, DuringPrefillFreesItsBlocksBeforeTheNextStep) {
  RecordingSink decoder;
  RecordingSink cancelled;
  StopAtEveryToken(decoder);
  const auto worker =
      MakeTinyWorker(tokenizer_, {.blocks = 8, .worker = {.max_running = 2, .step_tokens = 8}});
  WorkerStats at_end;
  cancelled.on_end = [&] { at_end = worker->stats(); };
  worker->Submit(Request(3, 9, decoder));
  gate_.AwaitVisitor();  // in step 1
  worker->Submit(Request(50, 1, cancelled));
  gate_.Next();  // in step 2, with 7 tokens of the long prompt
  EXPECT_EQ(worker->stats().free_blocks, 3U);
  cancelled.Cancel();
  gate_.Next();  // in step 3
  EXPECT_EQ(cancelled.record().end->code(), absl::StatusCode::kCancelled);
  EXPECT_EQ(at_end.counts.steps, 2U);
  EXPECT_EQ(at_end.free_blocks, 7U);
  EXPECT_EQ(at_end.counts.prompt_tokens, 3U + 7U);
  gate_.Open();
}

TEST_F(WorkerCancelTest, DuringDecodeFreesItsBlocksBeforeTheNextStep) {
  RecordingSink decoder;
  RecordingSink cancelled;
  StopAtEveryToken(decoder);
  const auto worker = MakeTinyWorker(tokenizer_, {.blocks = 8});
  WorkerStats at_end;
  cancelled.on_end = [&] { at_end = worker->stats(); };
  worker->Submit(Request(3, 9, decoder));
  gate_.AwaitVisitor();
  worker->Submit(Request(20, 20, cancelled));
  gate_.Next();  // in step 2, which makes its first token
  gate_.Next();  // in step 3, which makes its second
  cancelled.Cancel();
  gate_.Next();
  const SinkRecord record = cancelled.record();
  EXPECT_EQ(record.end->code(), absl::StatusCode::kCancelled);
  EXPECT_EQ(record.tokens.size(), 2U);
  EXPECT_EQ(at_end.counts.steps, 3U);
  EXPECT_EQ(at_end.free_blocks, 7U);
  gate_.Open();
}

TEST_F(WorkerCancelTest, ADeadlineThatHasPassedNeverTouchesTheModel) {
  ManualClock clock;
  RecordingSink sink;
  const auto worker =
      MakeTinyWorker(tokenizer_, {.worker = {.clock = [&] { return clock.now(); }}});
  GenerationRequest request = Request(3, 3, sink);
  request.deadline = clock.now();
  worker->Submit(std::move(request));
  EXPECT_EQ(sink.Await().end->code(), absl::StatusCode::kDeadlineExceeded);
  EXPECT_EQ(worker->stats().counts.steps, 0U);
}

TEST_F(WorkerCancelTest, ADeadlineEndsWhatRunsAndWhatWaitsBeforeTheNextStep) {
  ManualClock clock;
  RecordingSink decoder;
  RecordingSink running;
  RecordingSink waiting;
  StopAtEveryToken(decoder);
  const auto worker = MakeTinyWorker(
      tokenizer_, {.worker = {.max_running = 2, .clock = [&] { return clock.now(); }}});
  worker->Submit(Request(3, 9, decoder));
  gate_.AwaitVisitor();
  for (RecordingSink* sink : {&running, &waiting}) {
    GenerationRequest request = Request(3, 9, *sink);
    request.deadline = clock.now() + absl::Seconds(1);
    worker->Submit(std::move(request));
  }
  gate_.Next();  // in step 2, the first of `running`
  clock.Advance(absl::Seconds(1));
  gate_.Next();
  EXPECT_EQ(running.record().end->code(), absl::StatusCode::kDeadlineExceeded);
  EXPECT_EQ(running.record().tokens.size(), 1U);
  EXPECT_EQ(waiting.record().end->code(), absl::StatusCode::kDeadlineExceeded);
  EXPECT_EQ(decoder.record().ends, 0U);
  gate_.Open();
}

}  // namespace
}  // namespace cascade::server
