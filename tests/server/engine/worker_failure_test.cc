// SPDX-License-Identifier: Apache-2.0
// What goes wrong within a step hurts those whom it must, and nobody else.
#include <atomic>
#include <cstddef>
#include <functional>
#include <limits>
#include <new>
#include <stdexcept>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "server/engine/worker.h"
#include "tests/server/engine/gate.h"
#include "tests/server/engine/recording_sink.h"
#include "tests/server/engine/tiny_engine.h"

namespace cascade::server {
namespace {

using testing::FaultyExecutor;
using testing::Gate;
using ::testing::HasSubstr;
using testing::MakeTinyWorker;
using testing::RecordingSink;
using testing::Request;
using testing::SinkRecord;

class WorkerFailureTest : public ::testing::Test {
 protected:
  // Runs three requests, of which two are in the step that fails with what `fault` throws: one that
  // decodes and one whose prompt fills the step, so that the third is not in it.
  void RunIntoFault(const std::function<void()>& fault) {
    std::atomic<bool> armed = false;
    executor_.before = [&armed, &fault] {
      if (armed.exchange(false)) fault();
    };
    decoder_.on_step = [this](std::size_t) { gate_.Pass(); };
    const auto worker = MakeTinyWorker(
        tokenizer_,
        {.blocks = 16, .worker = {.max_running = 3, .step_tokens = 8}, .executor = &executor_});
    worker->Submit(Request(3, 9, decoder_));
    gate_.AwaitVisitor();
    worker->Submit(Request(40, 9, prompt_));
    worker->Submit(Request(5, 9, waiting_prompt_));
    armed = true;
    gate_.Open();
    EXPECT_EQ(waiting_prompt_.Await().end, absl::OkStatus());
    EXPECT_EQ(waiting_prompt_.record().tokens.size(), 9U);
    worker->Submit(Request(3, 9, later_));
    EXPECT_EQ(later_.Await().end, absl::OkStatus());
    EXPECT_EQ(worker->stats().free_blocks, 16U);
    EXPECT_EQ(decoder_.record().ends, 1U);
    EXPECT_EQ(prompt_.record().ends, 1U);
  }

  const model::Tokenizer tokenizer_ = testing::BundledTokenizer();
  Gate gate_;
  FaultyExecutor executor_;
  RecordingSink decoder_;
  RecordingSink prompt_;
  RecordingSink waiting_prompt_;
  RecordingSink later_;
};

TEST_F(WorkerFailureTest, NoMemoryEndsTheRequestsOfThatStepAndTheWorkerGoesOn) {
  RunIntoFault([] { throw std::bad_alloc(); });
  EXPECT_EQ(decoder_.record().end->code(), absl::StatusCode::kResourceExhausted);
  EXPECT_EQ(prompt_.record().end->code(), absl::StatusCode::kResourceExhausted);
}

TEST_F(WorkerFailureTest, AnyExceptionEndsTheRequestsOfThatStepWithItsMessage) {
  RunIntoFault([] { throw std::runtime_error("a wheel came off"); });
  EXPECT_EQ(decoder_.record().end->code(), absl::StatusCode::kInternal);
  EXPECT_THAT(decoder_.record().end->message(), HasSubstr("a wheel came off"));
  EXPECT_EQ(prompt_.record().end->code(), absl::StatusCode::kInternal);
}

TEST_F(WorkerFailureTest, WhatIsNoExceptionEndsThemToo) {
  RunIntoFault([] { throw 1; });
  EXPECT_EQ(decoder_.record().end->code(), absl::StatusCode::kInternal);
}

TEST_F(WorkerFailureTest, LogitsThatAreNoNumbersEndTheirSequenceAlone) {
  constexpr std::size_t kBroken = 20;  // no position beyond it gives numbers
  RecordingSink neighbor;
  RecordingSink broken;
  const auto worker =
      MakeTinyWorker(tokenizer_, {.blocks = 4, .change_weights = [](model::Gpt2Weights& weights) {
                                    weights.wpe[kBroken * testing::TinyConfig().n_embd] =
                                        std::numeric_limits<float>::quiet_NaN();
                                  }});
  worker->Submit(Request(5, 12, neighbor));
  worker->Submit(Request(10, 22, broken));
  EXPECT_EQ(neighbor.Await().end, absl::OkStatus());
  const SinkRecord record = broken.Await();
  EXPECT_EQ(record.end->code(), absl::StatusCode::kInternal);
  EXPECT_EQ(record.tokens.size(), 11U);  // the logits of positions 9 to 19
  EXPECT_FALSE(record.finish.has_value());

  // Its blocks, with what is no number in them, are now others'.
  std::vector<RecordingSink> heirs(4);
  for (RecordingSink& sink : heirs) worker->Submit(Request(5, 12, sink));
  for (RecordingSink& sink : heirs) {
    EXPECT_EQ(sink.Await().end, absl::OkStatus());
    EXPECT_EQ(sink.record().text, neighbor.record().text);
  }
}

TEST_F(WorkerFailureTest, ASinkThatThrowsEndsAlone) {
  RecordingSink thrower;
  RecordingSink neighbor;
  thrower.on_step = [](std::size_t count) {
    if (count == 2) throw std::bad_alloc();
  };
  const auto worker = MakeTinyWorker(tokenizer_, {.blocks = 8});
  worker->Submit(Request(5, 9, thrower));
  worker->Submit(Request(6, 9, neighbor));
  EXPECT_EQ(thrower.Await().end->code(), absl::StatusCode::kResourceExhausted);
  EXPECT_EQ(thrower.record().tokens.size(), 2U);
  EXPECT_EQ(neighbor.Await().end, absl::OkStatus());
  EXPECT_EQ(neighbor.record().tokens.size(), 9U);
  EXPECT_EQ(worker->stats().free_blocks, 8U);
}

TEST_F(WorkerFailureTest, ASinkThatThrowsWhenItStartsEndsAloneAndLeavesNothing) {
  RecordingSink thrower;
  RecordingSink neighbor;
  thrower.on_started = [] { throw std::bad_alloc(); };
  const auto worker = MakeTinyWorker(tokenizer_, {.blocks = 8});
  worker->Submit(Request(20, 9, thrower));
  worker->Submit(Request(6, 9, neighbor));
  const SinkRecord record = thrower.Await();
  EXPECT_EQ(record.end->code(), absl::StatusCode::kResourceExhausted);
  EXPECT_EQ(record.tokens.size(), 0U);
  EXPECT_EQ(record.ends, 1U);
  EXPECT_EQ(neighbor.Await().end, absl::OkStatus());
  EXPECT_EQ(worker->stats().free_blocks, 8U);
  EXPECT_EQ(worker->stats().running, 0U);
}

TEST_F(WorkerFailureTest, ASinkThatThrowsAtItsLastTokenFailsInsteadOfFinishing) {
  RecordingSink thrower;
  thrower.on_step = [](std::size_t count) {
    if (count == 3) throw std::runtime_error("no ink");
  };
  const auto worker = MakeTinyWorker(tokenizer_, {});
  worker->Submit(Request(5, 3, thrower));
  const SinkRecord record = thrower.Await();
  EXPECT_EQ(record.end->code(), absl::StatusCode::kInternal);
  EXPECT_EQ(record.ends, 1U);
}

}  // namespace
}  // namespace cascade::server
