// SPDX-License-Identifier: Apache-2.0

#include "model/generation/generator.h"

#include <algorithm>
#include <limits>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "model/cache/kv_cache.h"
#include "model/gpt2.h"
#include "model/sampling/argmax.h"
#include "model/tokenizer/tokenizer.h"
#include "tests/model/generation/tiny_tokenizer.h"
#include "tests/support/random_weights.h"
#include "tests/support/status_matchers.h"

namespace cascade::model {
namespace {

using ::cascade::testing::ByteTokens;
using ::cascade::testing::IsInvalid;
using ::cascade::testing::IsOk;
using ::cascade::testing::RandomGpt2Weights;
using ::cascade::testing::Refuses;

constexpr std::size_t kContext = 40;

ModelConfig TinyConfig() {
  ModelConfig config;
  config.n_layer = 2;
  config.n_head = 2;
  config.n_embd = 32;
  config.n_inner = 128;
  config.n_ctx = kContext;
  config.vocab_size = 260;
  return config;
}

GenerationParams Greedy(std::size_t max_new_tokens) {
  GenerationParams params;
  params.sampling.temperature = 0.0F;
  params.stopping.max_new_tokens = max_new_tokens;
  return params;
}

std::vector<TokenId> Ids(const Generation& generation) {
  std::vector<TokenId> ids;
  for (const GeneratedToken& token : generation.tokens) ids.push_back(token.id);
  return ids;
}

void Ignore(const DecodingStep& /*step*/) {}

class GeneratorTest : public ::testing::Test {
 protected:
  Gpt2 Model(std::size_t max_rows) {
    return Gpt2(TinyConfig(),
                RandomGpt2Weights(TinyConfig(), kernels::WeightType::kF32, 1, inline_), max_rows,
                inline_);
  }

  absl::StatusOr<Generation> Generate(Gpt2& model, const std::vector<TokenId>& prompt,
                                      const GenerationParams& params) {
    return Generator(model, tokenizer_, cache_).Generate(prompt, params, Ignore);
  }

  InlineExecutor inline_;
  Tokenizer tokenizer_ = cascade::testing::TinyTokenizer();
  KvCache cache_ = *KvCache::Create(TinyConfig(), 3);  // 48 positions
  const std::vector<TokenId> prompt_ = ByteTokens("Once upon a time");
};

TEST_F(GeneratorTest, GreedyTokensAreThoseOfRunningTheWholeSequenceForEach) {
  Gpt2 model = Model(kContext);
  const absl::StatusOr<Generation> generation = Generate(model, prompt_, Greedy(10));
  ASSERT_THAT(generation, IsOk());

  std::vector<TokenId> sequence = prompt_;
  for (int i = 0; i < 10; ++i) {
    const BlockTable blocks = *cache_.TryAllocate(sequence.size());
    Batch batch;
    batch.Add(blocks, 0, sequence);
    const RowRange last{.first = sequence.size() - 1, .count = 1};
    const StepOutputs outputs = model.Forward(batch, {.logits = {&last, 1}}, cache_);
    sequence.push_back(Argmax(outputs.logits.Row(0)));
  }
  EXPECT_EQ(Ids(*generation), std::vector<TokenId>(sequence.begin() + 16, sequence.end()));
  EXPECT_EQ(generation->finish.reason, FinishReason::kMaxTokens);
}

TEST_F(GeneratorTest, TheRowsOfAStepChangeNoBit) {
  GenerationParams params;
  params.sampling.seed = 4;
  params.stopping.max_new_tokens = 12;
  params.output = {.logprobs = true, .candidates = 3};
  Gpt2 whole = Model(kContext);
  const absl::StatusOr<Generation> expected = Generate(whole, prompt_, params);
  ASSERT_THAT(expected, IsOk());
  for (const std::size_t max_rows : {1U, 5U, 8U, 15U, 16U}) {
    Gpt2 model = Model(max_rows);
    const absl::StatusOr<Generation> generation = Generate(model, prompt_, params);
    ASSERT_THAT(generation, IsOk());
    ASSERT_EQ(Ids(*generation), Ids(*expected)) << max_rows << " rows a step";
    for (std::size_t i = 0; i < expected->tokens.size(); ++i) {
      EXPECT_EQ(generation->tokens[i].log_probs->chosen, expected->tokens[i].log_probs->chosen);
      EXPECT_EQ(generation->tokens[i].log_probs->candidates,
                expected->tokens[i].log_probs->candidates);
    }
  }
}

TEST_F(GeneratorTest, TellsEveryStepAsItIsMade) {
  Gpt2 model = Model(kContext);
  std::vector<TokenId> ids;
  std::string text;
  std::vector<FinishReason> reasons;
  const absl::StatusOr<Generation> generation =
      Generator(model, tokenizer_, cache_).Generate(prompt_, Greedy(7), [&](const DecodingStep& s) {
        ids.push_back(s.token->id);
        text += s.text;
        if (s.finish) reasons.push_back(s.finish->reason);
      });
  ASSERT_THAT(generation, IsOk());
  EXPECT_EQ(ids, Ids(*generation));
  EXPECT_EQ(text, generation->text);
  EXPECT_EQ(reasons, std::vector<FinishReason>{FinishReason::kMaxTokens});
}

TEST_F(GeneratorTest, ADecodingsFinishEndsIt) {
  Gpt2 model = Model(kContext);
  GenerationParams params = Greedy(10);
  const std::vector<TokenId> ids = Ids(*Generate(model, prompt_, params));
  params.stopping.eos_token_ids = {ids[4]};
  const absl::StatusOr<Generation> generation = Generate(model, prompt_, params);
  const auto first = std::find(ids.begin(), ids.end(), ids[4]);
  EXPECT_EQ(Ids(*generation), std::vector<TokenId>(ids.begin(), first + 1));
  EXPECT_EQ(generation->finish.reason, FinishReason::kEos);
}

TEST_F(GeneratorTest, FillsTheContextAndNoMore) {
  Gpt2 model = Model(kContext);
  const absl::StatusOr<Generation> generation =
      Generate(model, prompt_, Greedy(std::numeric_limits<std::size_t>::max()));
  ASSERT_THAT(generation, IsOk());
  EXPECT_EQ(generation->tokens.size(), kContext - prompt_.size());
  EXPECT_EQ(generation->finish.reason, FinishReason::kContextFull);
}

TEST_F(GeneratorTest, APromptMayLeaveRoomForOneToken) {
  Gpt2 model = Model(kContext);
  const std::vector<TokenId> prompt(kContext - 1, TokenId{'a'});
  const absl::StatusOr<Generation> generation = Generate(model, prompt, Greedy(10));
  ASSERT_THAT(generation, IsOk());
  EXPECT_EQ(generation->tokens.size(), 1U);
}

TEST_F(GeneratorTest, RefusesPromptsThatItCannotRun) {
  Gpt2 model = Model(kContext);
  EXPECT_THAT(Generate(model, {}, Greedy(1)), IsInvalid({"0 tokens"}));
  EXPECT_THAT(Generate(model, std::vector<TokenId>(kContext, 1), Greedy(1)),
              IsInvalid({"40 tokens", "1 to 39"}));
  EXPECT_THAT(Generate(model, {1, 259, 260}, Greedy(1)), IsInvalid({"token 260", "index 2"}));
}

TEST_F(GeneratorTest, HoldsItsBlocksWhileItRunsAndGivesThemBack) {
  Gpt2 model = Model(kContext);
  const absl::StatusOr<Generation> generation =
      Generator(model, tokenizer_, cache_).Generate(prompt_, Greedy(3), [&](const DecodingStep&) {
        EXPECT_EQ(cache_.free_blocks(), 1U) << "16 + 2 positions take 2 of 3 blocks";
      });
  EXPECT_THAT(generation, IsOk());
  EXPECT_EQ(cache_.free_blocks(), 3U);
}

TEST_F(GeneratorTest, SaysWhenTheCacheHasTooFewBlocks) {
  Gpt2 model = Model(kContext);
  const BlockTable others = *cache_.TryAllocate(32);
  const std::vector<std::string> parts = {"1 of 3 blocks", "19 positions need 2"};
  EXPECT_THAT(Generate(model, prompt_, Greedy(4)),
              Refuses(absl::StatusCode::kResourceExhausted, parts));
}

TEST_F(GeneratorTest, BrokenWeightsEndItWithAnErrorAndItsBlocksAreBack) {
  Gpt2Weights weights = RandomGpt2Weights(TinyConfig(), kernels::WeightType::kF32, 1, inline_);
  weights.wpe[18 * TinyConfig().n_embd] =
      std::numeric_limits<float>::quiet_NaN();  // the third generated token's
  Gpt2 model(TinyConfig(), std::move(weights), kContext, inline_);
  int steps = 0;
  const absl::StatusOr<Generation> generation =
      Generator(model, tokenizer_, cache_).Generate(prompt_, Greedy(10), [&](const DecodingStep&) {
        ++steps;
      });
  EXPECT_THAT(generation, Refuses(absl::StatusCode::kInternal, std::vector<std::string>{"finite"}));
  EXPECT_EQ(steps, 3);
  EXPECT_EQ(cache_.free_blocks(), 3U);
}

}  // namespace
}  // namespace cascade::model
