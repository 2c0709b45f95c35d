// SPDX-License-Identifier: Apache-2.0
// More than surely fits: somebody gives way, and nobody's result changes.
#include <cstddef>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "gtest/gtest.h"
#include "server/engine/worker.h"
#include "tests/server/engine/gate.h"
#include "tests/server/engine/recording_sink.h"
#include "tests/server/engine/same_bits.h"
#include "tests/server/engine/tiny_engine.h"

namespace cascade::server {
namespace {

using testing::Gate;
using testing::MakeTinyWorker;
using testing::RecordingSink;
using testing::Request;
using testing::SameResult;
using testing::SinkRecord;

constexpr std::size_t kBlocks = 4;  // 64 positions: one whole context

class WorkerPreemptionTest : public ::testing::TestWithParam<bool> {
 protected:
  // Four requests at once, each of which needs the whole cache.
  void SubmitAll(Worker& worker) {
    sinks_[0].on_step = [this](std::size_t count) {
      if (count == 1) gate_.Pass();
    };
    for (std::size_t i = 0; i < sinks_.size(); ++i) {
      worker.Submit(Make(i, sinks_[i]));
      if (i == 0) gate_.AwaitVisitor();
    }
    gate_.Open();
  }

  static GenerationRequest Make(std::size_t i, RecordingSink& sink) {
    GenerationRequest request = Request(10 + i, 45, sink);
    request.id = std::to_string(i);
    request.params.output = {.logprobs = true, .candidates = 2};
    request.params.sampling.temperature = i % 2 == 0 ? 0.0F : 1.0F;
    request.params.sampling.seed = i;
    return request;
  }

  const model::Tokenizer tokenizer_ = testing::BundledTokenizer();
  Gate gate_;
  std::vector<RecordingSink> sinks_{4};
};

TEST_P(WorkerPreemptionTest, TheYoungestGivesWayAndEveryResultIsAsIfAlone) {
  std::string order;
  for (std::size_t i = 0; i < sinks_.size(); ++i) {
    sinks_[i].on_end = [&order, i] { order += std::to_string(i); };
  }
  const auto worker = MakeTinyWorker(
      tokenizer_,
      {.blocks = kBlocks, .worker = {.prefix_cache = GetParam(), .kv_overcommit = true}});
  SubmitAll(*worker);
  for (std::size_t i = 0; i < sinks_.size(); ++i) {
    RecordingSink alone;
    const auto other = MakeTinyWorker(tokenizer_, {});
    other->Submit(Make(i, alone));
    EXPECT_TRUE(SameResult(sinks_[i].Await(), alone.Await())) << "request " << i;
    EXPECT_EQ(sinks_[i].record().starts, 1U) << "it hears only of its first start";
  }
  const WorkerStats stats = worker->stats();
  EXPECT_EQ(order, "0123") << "who came first is never preempted for those that came later";
  EXPECT_GT(stats.counts.preemptions, 0U);
  EXPECT_GT(stats.counts.recomputed_tokens, 0U);
  EXPECT_EQ(stats.counts.prompt_tokens, 10U + 11U + 12U + 13U) << "counted once, run again or not";
  EXPECT_EQ(stats.preempted, 0U);
  EXPECT_EQ(stats.free_blocks, kBlocks);
}

INSTANTIATE_TEST_SUITE_P(PrefixCache, WorkerPreemptionTest, ::testing::Bool());

using WorkerReservationTest = WorkerPreemptionTest;

TEST_P(WorkerReservationTest, WithoutOvercommitNobodyIsEverPreempted) {
  const auto worker =
      MakeTinyWorker(tokenizer_, {.blocks = kBlocks, .worker = {.prefix_cache = GetParam()}});
  SubmitAll(*worker);
  for (const RecordingSink& sink : sinks_) EXPECT_EQ(sink.Await().end, absl::OkStatus());
  EXPECT_EQ(worker->stats().counts.preemptions, 0U);
}

INSTANTIATE_TEST_SUITE_P(PrefixCache, WorkerReservationTest, ::testing::Bool());

TEST_P(WorkerPreemptionTest, WhoIsPreemptedCanBeCancelled) {
  const auto worker = MakeTinyWorker(
      tokenizer_,
      {.blocks = kBlocks, .worker = {.prefix_cache = GetParam(), .kv_overcommit = true}});
  // The oldest goes on alone at some point; the others have lost their blocks by then.
  sinks_[0].on_step = [this, &worker](std::size_t count) {
    if (count == 1) gate_.Pass();
    if (count != 44) return;
    EXPECT_EQ(worker->stats().preempted, 3U);
    for (std::size_t i = 1; i < sinks_.size(); ++i) sinks_[i].Cancel();
  };
  worker->Submit(Make(0, sinks_[0]));
  gate_.AwaitVisitor();
  for (std::size_t i = 1; i < sinks_.size(); ++i) worker->Submit(Make(i, sinks_[i]));
  gate_.Open();
  EXPECT_EQ(sinks_[0].Await().end, absl::OkStatus());
  for (std::size_t i = 1; i < sinks_.size(); ++i) {
    EXPECT_EQ(sinks_[i].Await().end->code(), absl::StatusCode::kCancelled);
  }
  EXPECT_EQ(worker->stats().free_blocks, kBlocks);
}

}  // namespace
}  // namespace cascade::server
