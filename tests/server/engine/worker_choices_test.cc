// SPDX-License-Identifier: Apache-2.0
// Requests of several choices: one prompt, one permit, one end, and as many results.
#include <cstddef>
#include <memory>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "server/engine/admission.h"
#include "server/engine/limits.h"
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
using testing::TinyConfig;
using testing::TinyEngineOptions;

// Random, with log-probabilities, and now and then an early end.
GenerationRequest Sampled(std::size_t prompt_tokens, std::size_t choices, RecordingSink& sink) {
  GenerationRequest request = Request(prompt_tokens, 30, sink);
  request.params.sampling.temperature = 1.2F;
  request.params.sampling.seed = 7;
  request.params.output = {.logprobs = true, .candidates = 2};
  for (model::TokenId token = 0; token < 10; ++token) {
    request.params.stopping.eos_token_ids.push_back(token);
  }
  request.choices = choices;
  return request;
}

class WorkerChoicesTest : public ::testing::Test {
 protected:
  // What the choices of a request give as requests of their own, each alone.
  std::vector<SinkRecord> Alone(std::size_t prompt_tokens, std::size_t choices) const {
    std::vector<SinkRecord> records;
    for (std::size_t choice = 0; choice < choices; ++choice) {
      RecordingSink sink;
      const auto worker = MakeTinyWorker(tokenizer_, {});
      GenerationRequest request = Sampled(prompt_tokens, 1, sink);
      request.params.sampling.seed += choice;
      worker->Submit(std::move(request));
      records.push_back(sink.Await());
    }
    return records;
  }

  const model::Tokenizer tokenizer_ = testing::BundledTokenizer();
  Gate gate_;
};

TEST_F(WorkerChoicesTest, AllChoicesHaveOneStartOneEndAndAFinishEach) {
  Admission admission(1);
  RecordingSink sink;
  const auto worker = MakeTinyWorker(tokenizer_, {});
  GenerationRequest request = Sampled(20, 4, sink);
  request.permit = admission.TryEnter();
  worker->Submit(std::move(request));
  EXPECT_EQ(sink.Await().end, absl::OkStatus());
  EXPECT_EQ(sink.record().starts, 1U);
  EXPECT_EQ(sink.record().ends, 1U);
  EXPECT_FALSE(sink.record().called_after_end);
  for (std::size_t choice = 0; choice < 4; ++choice) {
    EXPECT_TRUE(sink.record(choice).finish.has_value()) << "choice " << choice;
  }
  const WorkerStats stats = worker->stats();
  EXPECT_EQ(stats.counts.finished, 1U);
  EXPECT_EQ(stats.counts.prompt_tokens, 20U) << "the prompt runs once";
  EXPECT_EQ(stats.counts.preemptions, 0U);
  EXPECT_EQ(admission.held(), 0U);
}

TEST_F(WorkerChoicesTest, ChoicesHoldTheFullBlocksOfThePromptTogether) {
  constexpr std::size_t kBlocks = 16;
  RecordingSink sink;
  sink.on_step = [this](std::size_t) { gate_.Pass(); };
  const auto worker = MakeTinyWorker(tokenizer_, {.blocks = kBlocks});
  GenerationRequest request = Request(36, 10, sink);  // 45 positions: 2 full blocks and another
  request.choices = 3;
  const std::size_t needed = BlocksNeeded(request, TinyConfig().n_ctx);
  EXPECT_EQ(needed, 2U + 3U);
  worker->Submit(std::move(request));
  gate_.AwaitVisitor();
  for (std::size_t token = 0; token < 3; ++token) gate_.Next();  // the first tokens, and another
  EXPECT_EQ(worker->stats().free_blocks, kBlocks - needed);
  EXPECT_EQ(worker->stats().running, 3U);
  gate_.Open();
  EXPECT_EQ(sink.Await().end, absl::OkStatus());
  EXPECT_EQ(worker->stats().free_blocks, kBlocks);
}

struct Conditions {
  const char* name;
  TinyEngineOptions options;
  bool preempts = false;
  bool finds_prefixes = false;
};

class WorkerChoicesBitsTest : public WorkerChoicesTest,
                              public ::testing::WithParamInterface<Conditions> {};

TEST_P(WorkerChoicesBitsTest, EachChoiceIsTheRequestOfItsNumber) {
  constexpr std::size_t kPrompts[] = {1, 16, 21, 32};
  constexpr std::size_t kChoices = 3;
  const auto worker = MakeTinyWorker(tokenizer_, GetParam().options);
  std::vector<RecordingSink> sinks(8);
  for (std::size_t i = 0; i < sinks.size(); ++i) {  // each twice: the second may find its prefix
    worker->Submit(Sampled(kPrompts[i % 4], kChoices, sinks[i]));
  }
  std::size_t different_ends = 0;
  for (std::size_t i = 0; i < sinks.size(); ++i) {
    const std::vector<SinkRecord> expected = Alone(kPrompts[i % 4], kChoices);
    sinks[i].Await();
    for (std::size_t choice = 0; choice < kChoices; ++choice) {
      EXPECT_TRUE(SameResult(sinks[i].record(choice), expected[choice]))
          << "request " << i << ", choice " << choice;
      different_ends += expected[choice].tokens.size() != expected[0].tokens.size() ? 1U : 0U;
    }
  }
  EXPECT_GT(different_ends, 0U);
  EXPECT_EQ(worker->stats().counts.preemptions > 0, GetParam().preempts);
  EXPECT_TRUE(!GetParam().finds_prefixes || worker->stats().counts.cached_tokens > 0);
  EXPECT_EQ(worker->stats().free_blocks, GetParam().options.blocks);
}

INSTANTIATE_TEST_SUITE_P(
    Conditions, WorkerChoicesBitsTest,
    ::testing::Values(
        Conditions{"InOneBatch", {.blocks = 200}, false},
        Conditions{"OneGroupAtATime", {.blocks = 40, .worker = {.max_running = 3}}, false, true},
        Conditions{"InATinyPool", {.blocks = 10}, false},
        Conditions{
            "InChunks", {.blocks = 200, .worker = {.max_running = 5, .step_tokens = 5}}, false},
        Conditions{"WithoutPrefixCache", {.blocks = 60, .worker = {.prefix_cache = false}}, false},
        Conditions{"WithoutSpeculation", {.blocks = 60, .worker = {.speculate = false}}, false},
        Conditions{"Preempted", {.blocks = 10, .worker = {.kv_overcommit = true}}, true},
        Conditions{"PreemptedWithoutPrefixCache",
                   {.blocks = 10, .worker = {.prefix_cache = false, .kv_overcommit = true}},
                   true}),
    [](const auto& conditions) { return std::string(conditions.param.name); });

TEST_F(WorkerChoicesTest, MoreChoicesThanAStepHasPlacesAreRefused) {
  RecordingSink sink;
  const auto worker = MakeTinyWorker(tokenizer_, {.worker = {.max_running = 3}});
  worker->Submit(Sampled(5, 4, sink));
  EXPECT_EQ(sink.record().end->code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(sink.record().end->message(), HasSubstr("4 choices; it must have 1 to 3"));
}

TEST_F(WorkerChoicesTest, AGroupStartsWhenEachChoiceHasAPlace) {
  RecordingSink one;
  RecordingSink three;
  one.on_step = [this](std::size_t) { gate_.Pass(); };
  const auto worker = MakeTinyWorker(tokenizer_, {.worker = {.max_running = 3}});
  worker->Submit(Request(5, 4, one));
  gate_.AwaitVisitor();
  worker->Submit(Sampled(5, 3, three));
  for (std::size_t token = 1; token < 4; ++token) {
    gate_.Next();
    EXPECT_EQ(three.record().starts, 0U) << "two places are free";
  }
  gate_.Open();
  EXPECT_EQ(three.Await().end, absl::OkStatus());
}

TEST_F(WorkerChoicesTest, ACancelEndsAllChoices) {
  RecordingSink sink;
  sink.on_step = [&sink](std::size_t count) {
    if (count == 5) sink.Cancel();
  };
  const auto worker = MakeTinyWorker(tokenizer_, {.blocks = 16});
  worker->Submit(Sampled(20, 4, sink));
  EXPECT_EQ(sink.Await().end->code(), absl::StatusCode::kCancelled);
  EXPECT_FALSE(sink.record().called_after_end);
  EXPECT_EQ(worker->stats().free_blocks, 16U);
}

TEST_F(WorkerChoicesTest, ASinkThatThrowsAtOneChoiceFailsThemAll) {
  RecordingSink sink;
  sink.on_step = [](std::size_t count) {
    if (count == 6) throw std::runtime_error("the sink is broken");
  };
  const auto worker = MakeTinyWorker(tokenizer_, {.blocks = 16});
  worker->Submit(Sampled(20, 4, sink));
  EXPECT_EQ(sink.Await().end->code(), absl::StatusCode::kInternal);
  EXPECT_EQ(sink.record().ends, 1U);
  EXPECT_FALSE(sink.record().called_after_end);
  EXPECT_EQ(worker->stats().free_blocks, 16U);
}

TEST_F(WorkerChoicesTest, TheTimeLimitFinishesEveryChoiceThatHasNotFinished) {
  ManualClock clock;
  RecordingSink sink;
  TinyEngineOptions options;
  options.worker.clock = [&clock] { return clock.now(); };
  sink.on_step = [&clock](std::size_t count) {
    if (count == 4) clock.Advance(absl::Minutes(1));
  };
  const auto worker = MakeTinyWorker(tokenizer_, options);
  GenerationRequest request = Request(20, 30, sink);
  request.choices = 3;
  request.finish_by = clock.now() + absl::Seconds(1);
  worker->Submit(std::move(request));
  EXPECT_EQ(sink.Await().end, absl::OkStatus());
  for (std::size_t choice = 0; choice < 3; ++choice) {
    EXPECT_EQ(sink.record(choice).finish->reason, model::FinishReason::kTimeLimit);
    EXPECT_FALSE(sink.record(choice).tokens.empty());
  }
}

TEST_F(WorkerChoicesTest, TheTimeLimitFinishesEveryChoiceOfAQueuedRequest) {
  ManualClock clock;
  RecordingSink first;
  RecordingSink queued;
  TinyEngineOptions options;
  options.worker.max_running = 2;
  options.worker.clock = [&clock] { return clock.now(); };
  first.on_step = [this](std::size_t) { gate_.Pass(); };
  const auto worker = MakeTinyWorker(tokenizer_, options);
  worker->Submit(Request(5, 20, first));
  gate_.AwaitVisitor();
  GenerationRequest request = Request(5, 20, queued);
  request.choices = 2;
  request.finish_by = clock.now() + absl::Seconds(1);
  worker->Submit(std::move(request));
  clock.Advance(absl::Minutes(1));
  gate_.Open();
  EXPECT_EQ(queued.Await().end, absl::OkStatus());
  EXPECT_EQ(queued.record().starts, 0U);
  for (std::size_t choice = 0; choice < 2; ++choice) {
    EXPECT_EQ(queued.record(choice).finish->reason, model::FinishReason::kTimeLimit);
  }
}

// With and without the prefix cache, whose hits would otherwise hide a prompt that runs thrice.
class WorkerChoicesStallTest : public WorkerChoicesTest,
                               public ::testing::WithParamInterface<bool> {};

TEST_P(WorkerChoicesStallTest, AGroupThatLostItsBlocksRunsItsPromptOnceMoreAndGoesOn) {
  constexpr std::size_t kBlocks = 6;  // 2 full ones of the prompt, and 1 for each choice
  RecordingSink slow;
  RecordingSink newcomer;
  slow.on_step = [this, &slow](std::size_t count) {
    if (count != 3) return;
    slow.SetStalled(true);
    gate_.Pass();
  };
  const auto worker =
      MakeTinyWorker(tokenizer_, {.blocks = kBlocks, .worker = {.prefix_cache = GetParam()}});
  GenerationRequest request = Request(36, 10, slow);
  request.params.sampling.temperature = 1.0F;
  request.choices = 3;
  worker->Submit(std::move(request));
  gate_.AwaitVisitor();
  worker->Submit(Request(40, 20, newcomer));  // 59 positions: 4 blocks
  gate_.Open();
  EXPECT_EQ(newcomer.Await().end, absl::OkStatus());
  EXPECT_GT(worker->stats().counts.preemptions, 0U);
  slow.SetStalled(false);
  worker->Wake();
  EXPECT_EQ(slow.Await().end, absl::OkStatus());
  EXPECT_EQ(worker->stats().free_blocks, kBlocks);
  // The prompt of 36, and of each choice what it had generated.
  EXPECT_LE(worker->stats().counts.recomputed_tokens, 36U + 3U * (4U + 2U));
  RecordingSink alone;
  const auto other = MakeTinyWorker(tokenizer_, {});
  GenerationRequest again = Request(36, 10, alone);
  again.params.sampling.temperature = 1.0F;
  again.choices = 3;
  other->Submit(std::move(again));
  alone.Await();
  for (std::size_t choice = 0; choice < 3; ++choice) {
    EXPECT_TRUE(SameResult(slow.record(choice), alone.record(choice))) << "choice " << choice;
  }
}

INSTANTIATE_TEST_SUITE_P(PrefixCache, WorkerChoicesStallTest, ::testing::Bool());

}  // namespace
}  // namespace cascade::server
