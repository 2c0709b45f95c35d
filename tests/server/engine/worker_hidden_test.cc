// SPDX-License-Identifier: Apache-2.0
// The hidden states of a prompt: to the bit those of the prompt in one batch, alone, however it is
// cut, found in the cache or interrupted; and nothing is generated.
#include <algorithm>
#include <cstddef>
#include <limits>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "gtest/gtest.h"
#include "model/cache/kv_cache.h"
#include "server/engine/worker.h"
#include "tests/server/engine/gate.h"
#include "tests/server/engine/recording_sink.h"
#include "tests/server/engine/same_bits.h"
#include "tests/server/engine/tiny_engine.h"
#include "tests/support/status_matchers.h"

namespace cascade::server {
namespace {

using testing::IsOk;
using testing::MakeTinyWorker;
using testing::RecordingSink;
using testing::SameFloats;
using testing::SameResult;
using testing::SinkRecord;

constexpr std::size_t kLongest = 64;  // the context

GenerationRequest Hidden(std::size_t prompt_tokens, std::size_t from, RecordingSink& sink) {
  GenerationRequest request = testing::Request(prompt_tokens, 0, sink);
  request.hidden_from = from;
  return request;
}

class WorkerHiddenTest : public ::testing::Test {
 protected:
  static std::vector<float> Alone(std::size_t prompt_tokens, std::size_t from) {
    RecordingSink no_sink;
    const auto model = testing::MakeTinyModel({.worker = {.step_tokens = 64}});
    model::KvCache cache = *model::KvCache::Create(model->config(), 4);
    return testing::HiddenStatesAlone(*model, cache, Hidden(prompt_tokens, from, no_sink).prompt,
                                      from);
  }

  static SinkRecord Run(Worker& worker, std::size_t prompt_tokens, std::size_t from) {
    RecordingSink sink;
    worker.Submit(Hidden(prompt_tokens, from, sink));
    return sink.Await();
  }

  static void ExpectHidden(Worker& worker, std::size_t prompt_tokens, std::size_t from) {
    SCOPED_TRACE(::testing::Message() << prompt_tokens << " from " << from);
    const SinkRecord record = Run(worker, prompt_tokens, from);
    ASSERT_THAT(*record.end, IsOk());
    EXPECT_EQ(record.starts, 1U);
    EXPECT_FALSE(record.called_after_end);
    EXPECT_FALSE(record.finish.has_value());
    EXPECT_TRUE(SameFloats(record.hidden, Alone(prompt_tokens, from)));
  }

  const model::Tokenizer tokenizer_ = testing::BundledTokenizer();
};

TEST_F(WorkerHiddenTest, DoesNotDependOnHowThePromptIsCut) {
  for (const std::size_t step_tokens : {1U, 2U, 7U, 33U, 64U}) {
    SCOPED_TRACE(step_tokens);
    WorkerOptions options;
    options.max_running = 1;
    options.step_tokens = step_tokens;
    options.prefix_cache = false;
    const auto worker = MakeTinyWorker(tokenizer_, {.worker = options});
    for (const std::size_t prompt_tokens :
         {std::size_t{1}, std::size_t{2}, std::size_t{33}, kLongest}) {
      for (const std::size_t from : {std::size_t{0}, prompt_tokens / 2, prompt_tokens - 1}) {
        ExpectHidden(*worker, prompt_tokens, from);
      }
    }
    EXPECT_EQ(worker->stats().counts.generated_tokens, 0U);
  }
}

TEST_F(WorkerHiddenTest, DoesNotDependOnWhatTheCacheHas) {
  const auto worker = MakeTinyWorker(tokenizer_, {});
  Run(*worker, kLongest, 0);  // leaves the whole prompt in the cache
  for (std::size_t from = 0; from < kLongest; ++from) ExpectHidden(*worker, kLongest, from);
}

TEST_F(WorkerHiddenTest, TakesFromTheCacheWhatItNeedNotRun) {
  const auto worker = MakeTinyWorker(tokenizer_, {});
  Run(*worker, kLongest, 0);
  EXPECT_EQ(Run(*worker, kLongest, kLongest - 1).cached_tokens, 48U);
  EXPECT_EQ(Run(*worker, kLongest, 32).cached_tokens, 32U);
  EXPECT_EQ(Run(*worker, kLongest, 31).cached_tokens, 16U);
  EXPECT_EQ(Run(*worker, kLongest, 0).cached_tokens, 0U);
}

// Beside requests that generate, in batches of all sizes, with and without enough blocks.
TEST_F(WorkerHiddenTest, DoesNotDependOnTheBatchNorOnPreemption) {
  for (const bool prefix_cache : {false, true}) {
    SCOPED_TRACE(prefix_cache);
    const auto worker = MakeTinyWorker(tokenizer_, {.blocks = 6,
                                                    .worker = {.max_running = 4,
                                                               .step_tokens = 9,
                                                               .prefix_cache = prefix_cache,
                                                               .kv_overcommit = true}});
    std::vector<RecordingSink> generating(6);
    std::vector<RecordingSink> hidden(12);
    testing::Gate gate;
    generating[0].on_step = [&gate](std::size_t count) {
      if (count == 1) gate.Pass();
    };
    for (std::size_t i = 0; i < hidden.size(); ++i) {
      if (i % 2 == 0) worker->Submit(testing::Request(10 + i, 45, generating[i / 2]));
      if (i == 0) gate.AwaitVisitor();
      worker->Submit(Hidden(5 * i + 1, (5 * i + 1) / (i % 3 + 2), hidden[i]));
    }
    gate.Open();
    for (std::size_t i = 0; i < hidden.size(); ++i) {
      SCOPED_TRACE(i);
      const SinkRecord record = hidden[i].Await();
      ASSERT_THAT(*record.end, IsOk());
      EXPECT_TRUE(SameFloats(record.hidden, Alone(5 * i + 1, (5 * i + 1) / (i % 3 + 2))));
    }
    for (std::size_t i = 0; i < generating.size(); ++i) {
      RecordingSink alone;
      const auto other = MakeTinyWorker(tokenizer_, {});
      other->Submit(testing::Request(10 + 2 * i, 45, alone));
      EXPECT_TRUE(SameResult(generating[i].Await(), alone.Await())) << "request " << i;
    }
    EXPECT_GT(worker->stats().counts.preemptions, 0U);
    EXPECT_EQ(worker->stats().free_blocks, 6U);
  }
}

TEST_F(WorkerHiddenTest, GivesItsBlocksAndItsPlaceBackBeforeItEnds) {
  const auto worker = MakeTinyWorker(tokenizer_, {});
  Admission admission(1);
  RecordingSink sink;
  std::size_t held = 1;
  sink.on_end = [&] { held = admission.held() + worker->stats().running; };
  GenerationRequest request = Hidden(20, 0, sink);
  request.permit = admission.TryEnter();
  worker->Submit(std::move(request));
  EXPECT_THAT(*sink.Await().end, IsOk());
  EXPECT_EQ(held, 0U);
  EXPECT_EQ(worker->stats().free_blocks, 32U);
  EXPECT_EQ(worker->stats().counts.finished, 1U);
}

TEST_F(WorkerHiddenTest, CancellationEndsItBetweenSteps) {
  WorkerOptions options;
  options.max_running = 1;
  options.step_tokens = 1;
  const auto worker = MakeTinyWorker(tokenizer_, {.worker = options});
  RecordingSink sink;
  sink.on_started = [&sink] { sink.Cancel(); };
  worker->Submit(Hidden(kLongest, 0, sink));
  const SinkRecord record = sink.Await();
  EXPECT_EQ(record.end->code(), absl::StatusCode::kCancelled);
  EXPECT_LT(record.hidden.size(), kLongest * testing::TinyConfig().n_embd);
}

TEST_F(WorkerHiddenTest, StatesThatAreNotFiniteEndTheRequest) {
  const auto worker =
      MakeTinyWorker(tokenizer_, {.change_weights = [](model::Gpt2Weights& weights) {
                       weights.ln_f.beta[3] = std::numeric_limits<float>::infinity();
                     }});
  const SinkRecord record = Run(*worker, 10, 0);
  EXPECT_EQ(record.end->code(), absl::StatusCode::kInternal);
  EXPECT_NE(record.end->message().find("dimension 3 of a hidden state is inf"), std::string::npos)
      << *record.end;
  EXPECT_TRUE(record.hidden.empty());
}

}  // namespace
}  // namespace cascade::server
