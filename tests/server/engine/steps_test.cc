// SPDX-License-Identifier: Apache-2.0
// Millions of steps of a batch whose model costs nothing: after each of them every invariant holds.
#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <random>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "server/engine/generation_request.h"
#include "server/engine/worker.h"
#include "tests/server/engine/fake_model.h"
#include "tests/server/engine/recording_sink.h"
#include "tests/server/engine/step_world.h"
#include "tests/server/engine/tiny_engine.h"

namespace cascade::server {
namespace {

using testing::FakeConfig;
using testing::FakeModel;
using testing::Fates;
using testing::MakeTemplates;
using testing::RecordingSink;
using testing::SinkRecord;
using testing::StepWorld;
using testing::StepWorldOptions;
using testing::Template;

constexpr std::size_t kSteps = CASCADE_STEPS;
constexpr std::size_t kStepsPerWorld = 2'500;

StepWorldOptions AnyWorld(std::mt19937& rng) {
  StepWorldOptions world;
  world.blocks = 4 + rng() % (rng() % 2 == 0 ? 6 : 40);
  world.max_running = 1 + rng() % 10;
  world.step_tokens = world.max_running + rng() % (rng() % 2 == 0 ? 4 : 100);
  world.batch = {.prefix_cache = rng() % 4 > 0,
                 .kv_overcommit = rng() % 2 == 0,
                 .speculate = rng() % 3 > 0,
                 .stalled_reader_limit = absl::Milliseconds(50)};
  if (rng() % 2 == 0) world.ageing = absl::Milliseconds(1 + rng() % 100);
  world.stalls = rng() % 2 == 0 ? 0 : 1 + rng() % 16;
  world.cancels = rng() % 3 == 0 ? 0 : 1 + rng() % 8;
  world.deadlines = rng() % 3 == 0 ? 0 : 1;
  if (rng() % 2 == 0) world.max_choices = 1 + rng() % std::min<std::size_t>(world.max_running, 4);
  return world;
}

class StepsTest : public ::testing::Test {
 protected:
  const model::Tokenizer tokenizer_ = testing::BundledTokenizer();
};

TEST_F(StepsTest, EveryInvariantHoldsAfterEachOfAMillion) {
  std::mt19937 rng(1);
  const std::vector<Template> templates = MakeTemplates(tokenizer_, {}, rng);
  Fates fates;
  for (unsigned seed = 0; fates.counts.steps < kSteps; ++seed) {
    SCOPED_TRACE(absl::StrCat("world ", seed));
    StepWorld(AnyWorld(rng), templates, tokenizer_, seed).Run(kStepsPerWorld, fates);
    if (HasFatalFailure()) return;
  }
  // Every fate was met, or this tests less than it says.
  EXPECT_GT(fates.finished, kSteps / 50);
  EXPECT_GT(fates.cancelled, kSteps / 1000);
  EXPECT_GT(fates.late, kSteps / 1000);
  EXPECT_GT(fates.time_limit, kSteps / 1000);
  EXPECT_GT(fates.too_slow, kSteps / 1000);
  EXPECT_GT(fates.strict_steps, kSteps / 20);
  EXPECT_GT(fates.counts.preemptions, kSteps / 100);
  EXPECT_GT(fates.counts.recomputed_tokens, kSteps / 100);
  EXPECT_GT(fates.counts.cached_tokens, kSteps / 10);
  EXPECT_GT(fates.counts.accepted_tokens, kSteps / 10);
}

TEST_F(StepsTest, TenThousandCancelsAtAnyPointGiveTheirBlocksBackBeforeTheNextStep) {
  std::mt19937 rng(2);
  const std::vector<Template> templates = MakeTemplates(tokenizer_, {}, rng);
  Fates fates;
  for (unsigned seed = 0; fates.cancelled < 10'000; ++seed) {
    StepWorldOptions world = AnyWorld(rng);
    world.cancels = 40;
    StepWorld(world, templates, tokenizer_, seed).Run(kStepsPerWorld, fates);
    if (HasFatalFailure()) return;
  }
}

// Every request has several choices, in pools that hold hardly more than one of them.
TEST_F(StepsTest, ChoicesAreToTheBitTheRequestsThatHaveTheirNumbers) {
  std::mt19937 rng(4);
  const std::vector<Template> templates =
      MakeTemplates(tokenizer_, {.sampled = 3, .stops = 6}, rng);
  Fates fates;
  for (unsigned seed = 0; fates.counts.steps < kSteps; ++seed) {
    SCOPED_TRACE(absl::StrCat("world ", seed));
    StepWorldOptions world = AnyWorld(rng);
    world.blocks = 4 + rng() % 12;
    world.max_choices = 2 + rng() % (testing::kChoiceNumbers - 1);
    world.max_running = world.max_choices + rng() % 4;
    world.step_tokens = world.max_running + rng() % 40;
    StepWorld(world, templates, tokenizer_, seed).Run(kStepsPerWorld, fates);
    if (HasFatalFailure()) return;
  }
  EXPECT_GT(fates.of_several_choices, kSteps / 100);
  EXPECT_GT(fates.with_different_ends, kSteps / 200);
  EXPECT_GT(fates.cancelled, kSteps / 1000);
  EXPECT_GT(fates.late, kSteps / 1000);
  EXPECT_GT(fates.time_limit, kSteps / 1000);
  EXPECT_GT(fates.too_slow, kSteps / 2000);
  EXPECT_GT(fates.strict_steps, kSteps / 20);
  EXPECT_GT(fates.counts.preemptions, kSteps / 100);
  EXPECT_GT(fates.counts.recomputed_tokens, kSteps / 100);
  EXPECT_GT(fates.counts.cached_tokens, kSteps / 10);
  EXPECT_GT(fates.counts.accepted_tokens, kSteps / 10);
}

// Beams that fork, are dropped, preempted and run again in pools that hold hardly more than one
// request.
TEST_F(StepsTest, BeamsAreToTheBitThoseThatTheRequestHasAlone) {
  std::mt19937 rng(5);
  const std::vector<Template> templates =
      MakeTemplates(tokenizer_, {.stops = 6, .beams = true}, rng);
  Fates fates;
  for (unsigned seed = 0; fates.counts.steps < kSteps / 4; ++seed) {
    SCOPED_TRACE(absl::StrCat("world ", seed));
    StepWorldOptions world = AnyWorld(rng);
    world.blocks = 4 + rng() % 20;
    world.max_running = 6 + rng() % 6;
    world.step_tokens = world.max_running + rng() % 40;
    StepWorld(world, templates, tokenizer_, seed).Run(kStepsPerWorld, fates);
    if (HasFatalFailure()) return;
  }
  EXPECT_GT(fates.finished, kSteps / 1000);
  EXPECT_GT(fates.of_several_choices, kSteps / 2000);
  EXPECT_GT(fates.cancelled, kSteps / 20000);
  EXPECT_GT(fates.counts.preemptions, kSteps / 1000);
  EXPECT_GT(fates.counts.recomputed_tokens, kSteps / 1000);
  EXPECT_GT(fates.counts.cached_tokens, kSteps / 40);
}

// The same on the worker's own thread, with the cancel from another.
TEST_F(StepsTest, TenThousandCancelsFromAnotherThreadEndWithinTheStepThatRuns) {
  constexpr std::size_t kCancels = 10'000;
  constexpr std::size_t kBlocks = 4;
  const WorkerOptions options = {.max_running = 4, .step_tokens = 16};
  Worker worker(std::make_unique<FakeModel>(options.step_tokens),
                *model::KvCache::Create(FakeConfig(), kBlocks), tokenizer_, options);
  std::mt19937 rng(3);
  std::size_t in_the_middle = 0;
  for (std::size_t i = 0; i < kCancels; ++i) {
    RecordingSink sink;
    WorkerStats at_end;
    std::atomic<std::size_t> heard = 0;
    sink.on_step = [&heard](std::size_t count) {
      heard = count;
      std::this_thread::yield();  // to whoever cancels
    };
    sink.on_end = [&] { at_end = worker.stats(); };
    GenerationRequest request = testing::Request(1 + rng() % 30, 30, sink);
    for (model::TokenId& token : request.prompt) token %= 16;
    worker.Submit(std::move(request));
    const std::size_t tokens = rng() % 31;
    while (heard < tokens) std::this_thread::yield();
    sink.Cancel();
    const std::uint64_t steps = worker.stats().counts.steps;
    const SinkRecord record = sink.Await();
    ASSERT_EQ(record.ends, 1U);
    ASSERT_EQ(at_end.free_blocks, kBlocks);
    if (record.end->ok()) continue;  // it was faster
    ASSERT_EQ(record.end->code(), absl::StatusCode::kCancelled);
    ASSERT_LE(at_end.counts.steps, steps + 1);
    in_the_middle += record.tokens.empty() ? 0U : 1U;
  }
  EXPECT_GT(in_the_middle, kCancels / 100);
}

}  // namespace
}  // namespace cascade::server
