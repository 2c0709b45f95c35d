// SPDX-License-Identifier: Apache-2.0
// Requests that search with beams: how they end. That they find what the library finds alone is
// shown by steps_test.cc and everything_test.cc.
#include <atomic>
#include <cstddef>
#include <limits>
#include <memory>
#include <utility>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "server/engine/admission.h"
#include "server/engine/worker.h"
#include "tests/server/engine/gate.h"
#include "tests/server/engine/recording_sink.h"
#include "tests/server/engine/tiny_engine.h"

namespace cascade::server {
namespace {

using testing::FaultyExecutor;
using testing::Gate;
using testing::MakeTinyWorker;
using testing::ManualClock;
using testing::RecordingSink;
using testing::Request;
using testing::SinkRecord;
using testing::TinyEngineOptions;

GenerationRequest Beams(std::size_t width, std::size_t returned, RecordingSink& sink) {
  GenerationRequest request = Request(20, 30, sink);
  request.choices = width;
  request.params.beams = model::BeamParams();
  request.params.beams->width = width;
  request.params.beams->returned = returned;
  return request;
}

class WorkerBeamsTest : public ::testing::Test {
 protected:
  // Its first step waits at the gate.
  std::unique_ptr<Worker> NewWorker() {
    executor_.before = [this, has_passed = false]() mutable {
      if (!std::exchange(has_passed, true)) gate_.Pass();
    };
    return MakeTinyWorker(
        tokenizer_, {.worker = {.clock = [this] { return clock_.now(); }}, .executor = &executor_});
  }

  const model::Tokenizer tokenizer_ = testing::BundledTokenizer();
  ManualClock clock_;
  Gate gate_;
  FaultyExecutor executor_;
  RecordingSink sink_;
};

TEST_F(WorkerBeamsTest, ToldAreTheBestAtTheEndAndNothingBefore) {
  Admission admission(1);
  const TinyEngineOptions options;
  const auto worker = MakeTinyWorker(tokenizer_, options);
  GenerationRequest request = Beams(4, 2, sink_);
  request.permit = admission.TryEnter();
  WorkerStats at_first_token;
  sink_.on_step = [&](std::size_t count) {
    if (count == 1) at_first_token = worker->stats();
  };
  worker->Submit(std::move(request));
  EXPECT_EQ(sink_.Await().end, absl::OkStatus());
  EXPECT_EQ(at_first_token.free_blocks, options.blocks);
  EXPECT_TRUE(admission.TryEnter());
  const SinkRecord best = sink_.record(0);
  const SinkRecord second = sink_.record(1);
  EXPECT_GE(*best.finish->beam_score, *second.finish->beam_score);
  EXPECT_EQ(best.tokens.size(), 30U);
  EXPECT_FALSE(sink_.record(2).finish.has_value());
}

TEST_F(WorkerBeamsTest, TheTimeLimitEndsThemWithWhatThereIs) {
  const auto worker = NewWorker();
  GenerationRequest request = Beams(3, 2, sink_);
  request.finish_by = clock_.now() + absl::Seconds(5);
  worker->Submit(std::move(request));
  gate_.AwaitVisitor();
  clock_.Advance(absl::Seconds(5));  // during the first step
  gate_.Open();
  EXPECT_EQ(sink_.Await().end, absl::OkStatus());
  for (const std::size_t answer : {0U, 1U}) {
    const SinkRecord record = sink_.record(answer);
    ASSERT_TRUE(record.finish.has_value());
    EXPECT_EQ(record.finish->reason, model::FinishReason::kTimeLimit);
    EXPECT_EQ(record.tokens.size(), 1U);
  }
}

TEST_F(WorkerBeamsTest, ATimeLimitInTheQueueEndsThemWithOneEmptyAnswer) {
  RecordingSink first;
  const auto worker = NewWorker();
  worker->Submit(Request(5, 5, first));
  gate_.AwaitVisitor();
  GenerationRequest request = Beams(3, 2, sink_);
  request.finish_by = clock_.now();
  worker->Submit(std::move(request));
  gate_.Open();
  EXPECT_EQ(sink_.Await().end, absl::OkStatus());
  EXPECT_EQ(sink_.record(0).finish->reason, model::FinishReason::kTimeLimit);
  EXPECT_FALSE(sink_.record(1).finish.has_value());
}

TEST_F(WorkerBeamsTest, ACancelInTheMiddleGivesAllBack) {
  const auto worker = NewWorker();
  const std::size_t blocks = worker->stats().free_blocks;
  worker->Submit(Beams(4, 4, sink_));
  gate_.AwaitVisitor();
  sink_.Cancel();  // during the first step
  gate_.Open();
  EXPECT_EQ(sink_.Await().end->code(), absl::StatusCode::kCancelled);
  EXPECT_EQ(worker->stats().free_blocks, blocks);
}

// The first step leaves two beams, the second four: nobody takes their places meanwhile.
TEST_F(WorkerBeamsTest, KeepTheirPlacesWhileTheyAreFewer) {
  TinyEngineOptions options;
  options.worker = {.max_running = 4, .speculate = false};
  RecordingSink other;
  const auto worker = MakeTinyWorker(tokenizer_, options);
  GenerationRequest request = Beams(4, 4, sink_);
  request.params.tokens.allowed = {7, 8};
  std::atomic<std::size_t> others_start = 0;
  other.on_started = [&] { others_start = worker->stats().counts.steps; };
  worker->Submit(std::move(request));
  worker->Submit(Request(5, 5, other));
  sink_.Await();
  other.Await();
  EXPECT_GE(others_start, 30U);
}

TEST_F(WorkerBeamsTest, WhatTheModelGetsWrongFailsThem) {
  TinyEngineOptions options;
  options.change_weights = [](model::Gpt2Weights& weights) {
    weights.wpe[0] = std::numeric_limits<float>::quiet_NaN();
  };
  const auto worker = MakeTinyWorker(tokenizer_, options);
  worker->Submit(Beams(2, 1, sink_));
  EXPECT_EQ(sink_.Await().end->code(), absl::StatusCode::kInternal);
  EXPECT_EQ(worker->stats().free_blocks, options.blocks);
}

}  // namespace
}  // namespace cascade::server
