// SPDX-License-Identifier: Apache-2.0
// The log-probabilities of a prompt's own tokens: to the bit those of the prompt in one batch,
// alone, however it is cut, found in the cache or interrupted.
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
#include "tests/server/engine/recording_sink.h"
#include "tests/server/engine/same_bits.h"
#include "tests/server/engine/tiny_engine.h"
#include "tests/support/status_matchers.h"

namespace cascade::server {
namespace {

using testing::BeginWithBitsOf;
using testing::IsOk;
using testing::MakeTinyWorker;
using testing::RecordingSink;
using testing::Refuses;
using testing::SinkRecord;

constexpr std::size_t kLongest = 62;  // of a context of 64

class WorkerScoringTest : public ::testing::Test {
 protected:
  static GenerationRequest Scored(std::size_t prompt_tokens, std::size_t from) {
    RecordingSink no_sink;
    GenerationRequest request = testing::Request(prompt_tokens, 2, no_sink);
    request.sink = nullptr;
    request.params.output.prompt_logprobs_from = from;
    request.params.output.candidates = 3;
    request.params.output.ranks = true;
    return request;
  }

  std::vector<model::GeneratedToken> Alone(const GenerationRequest& request) const {
    const auto model = testing::MakeTinyModel({.worker = {.step_tokens = 64}});
    model::KvCache cache = *model::KvCache::Create(model->config(), 4);
    return testing::ScorePromptAlone(*model, cache, request.prompt, request.params.output);
  }

  static SinkRecord Run(Worker& worker, GenerationRequest request) {
    RecordingSink sink;
    request.sink = &sink;
    worker.Submit(std::move(request));
    return sink.Await();
  }

  void ExpectScored(Worker& worker, std::size_t prompt_tokens, std::size_t from) const {
    SCOPED_TRACE(prompt_tokens);
    SCOPED_TRACE(from);
    const std::vector<model::GeneratedToken> expected = Alone(Scored(prompt_tokens, from));
    const SinkRecord record = Run(worker, Scored(prompt_tokens, from));
    ASSERT_THAT(*record.end, IsOk());
    EXPECT_FALSE(record.called_after_end);
    EXPECT_EQ(record.tokens.size(), 2U);
    ASSERT_EQ(record.prompt.size(), prompt_tokens - std::min(from, prompt_tokens));
    ASSERT_TRUE(BeginWithBitsOf(record.prompt, expected));
  }

  std::unique_ptr<Worker> NewWorker(const WorkerOptions& options) const {
    return MakeTinyWorker(tokenizer_, {.worker = options});
  }

  const model::Tokenizer tokenizer_ = testing::BundledTokenizer();
};

TEST_F(WorkerScoringTest, TheFirstTokenHasNoLogProbabilityAndAllOthersHave) {
  const auto worker = NewWorker({});
  const SinkRecord record = Run(*worker, Scored(5, 0));
  ASSERT_EQ(record.prompt.size(), 5U);
  for (std::size_t i = 0; i < 5; ++i) {
    EXPECT_EQ(record.prompt[i].log_probs.has_value(), i > 0);
    if (i == 0) continue;
    EXPECT_EQ(record.prompt[i].log_probs->candidates.size(), 3U);
    EXPECT_GE(record.prompt[i].log_probs->rank, 1U);
    EXPECT_LE(record.prompt[i].log_probs->chosen, 0.0F);
  }
}

TEST_F(WorkerScoringTest, DoesNotDependOnHowThePromptIsCut) {
  for (const std::size_t step_tokens : {1U, 2U, 7U, 32U, 33U, 64U}) {
    SCOPED_TRACE(step_tokens);
    WorkerOptions options;
    options.max_running = 1;
    options.step_tokens = step_tokens;
    options.prefix_cache = false;
    const auto worker = NewWorker(options);
    for (const std::size_t prompt_tokens : {1U, 2U, 33U, 62U}) {
      for (const std::size_t from : {0U, 1U, 2U, 40U, 61U, 100U}) {
        ExpectScored(*worker, prompt_tokens, from);
      }
    }
  }
}

TEST_F(WorkerScoringTest, DoesNotDependOnWhatTheCacheHas) {
  const auto worker = NewWorker({});
  Run(*worker, Scored(kLongest, kLongest));  // leaves the whole prompt in the cache
  for (std::size_t from = 0; from <= kLongest; ++from) ExpectScored(*worker, kLongest, from);
}

TEST_F(WorkerScoringTest, TakesFromTheCacheWhatItNeedNotRun) {
  const auto worker = NewWorker({});
  Run(*worker, Scored(kLongest, kLongest));
  EXPECT_EQ(Run(*worker, Scored(kLongest, kLongest)).cached_tokens, 48U);
  EXPECT_EQ(Run(*worker, Scored(kLongest, 33)).cached_tokens, 32U);
  EXPECT_EQ(Run(*worker, Scored(kLongest, 32)).cached_tokens, 16U);
  EXPECT_EQ(Run(*worker, Scored(kLongest, 0)).cached_tokens, 0U);
}

TEST_F(WorkerScoringTest, ChoicesShareOneScoringOfThePrompt) {
  const auto worker = NewWorker({});
  GenerationRequest request = Scored(40, 0);
  request.choices = 3;
  const SinkRecord record = Run(*worker, std::move(request));
  ASSERT_EQ(record.prompt.size(), 40U);
  EXPECT_TRUE(BeginWithBitsOf(record.prompt, Alone(Scored(40, 0))));
  EXPECT_EQ(worker->stats().counts.prompt_tokens, 40U);
}

TEST_F(WorkerScoringTest, WithoutGenerationItEndsWithThePromptAndScoresTheSame) {
  for (const std::size_t step_tokens : {1U, 7U, 64U}) {
    for (const bool prefix_cache : {false, true}) {
      WorkerOptions options;
      options.max_running = 1;
      options.step_tokens = step_tokens;
      options.prefix_cache = prefix_cache;
      const auto worker = NewWorker(options);
      for (const std::size_t prompt_tokens : {2U, 33U, 62U}) {
        for (const std::size_t from : {0U, 1U, 20U, 61U}) {
          if (from >= prompt_tokens) continue;
          SCOPED_TRACE(::testing::Message()
                       << step_tokens << ", " << prompt_tokens << ", " << from);
          GenerationRequest request = Scored(prompt_tokens, from);
          request.params.stopping.max_new_tokens = 0;
          const SinkRecord record = Run(*worker, std::move(request));
          ASSERT_THAT(*record.end, IsOk());
          EXPECT_FALSE(record.called_after_end);
          EXPECT_FALSE(record.finish.has_value());
          ASSERT_EQ(record.prompt.size(), prompt_tokens - from);
          EXPECT_TRUE(BeginWithBitsOf(record.prompt, Alone(Scored(prompt_tokens, from))));
        }
      }
      EXPECT_EQ(worker->stats().counts.generated_tokens, 0U);
    }
  }
}

TEST_F(WorkerScoringTest, WithoutGenerationTheLastTokenNeedNotRun) {
  WorkerOptions options;
  options.prefix_cache = false;
  const auto worker = MakeTinyWorker(tokenizer_, {.blocks = 4, .worker = options});
  GenerationRequest request = Scored(65, 1);  // one more than the context, and the cache, have
  request.params.stopping.max_new_tokens = 0;
  const SinkRecord record = Run(*worker, std::move(request));
  ASSERT_THAT(*record.end, IsOk());
  EXPECT_EQ(record.prompt.size(), 64U);
  EXPECT_EQ(worker->stats().counts.prompt_tokens, 64U);
  EXPECT_EQ(worker->stats().free_blocks, 4U);
}

TEST_F(WorkerScoringTest, LogitsThatAreNotFiniteEndTheRequest) {
  const auto worker =
      MakeTinyWorker(tokenizer_, {.change_weights = [](model::Gpt2Weights& weights) {
                       weights.ln_f.beta[0] = std::numeric_limits<float>::quiet_NaN();
                     }});
  const SinkRecord record = Run(*worker, Scored(10, 0));
  EXPECT_EQ(record.end->code(), absl::StatusCode::kInternal);
  EXPECT_TRUE(record.prompt.empty());
}

}  // namespace
}  // namespace cascade::server
