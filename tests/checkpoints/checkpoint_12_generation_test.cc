// SPDX-License-Identifier: Apache-2.0
// Checkpoint 12: greedy decoding gives Hugging Face's tokens and text, for every golden prompt. The
// other half, through gRPC, is checkpoint_12_grpc_test.cc.
#include <cstddef>
#include <vector>

#include "gtest/gtest.h"
#include "model/checkpoints/greedy_run.h"
#include "model/checkpoints/whole_model.h"
#include "model/generation/generator.h"
#include "model/sampling/argmax.h"
#include "model/tokenizer/tokenizer.h"
#include "tests/checkpoints/golden_model.h"
#include "tests/support/same_bits.h"

namespace cascade::model {
namespace {

using Tokens = std::vector<TokenId>;

class Checkpoint12Generation : public testing::CheckpointTest {
 protected:
  Checkpoint12Generation() : CheckpointTest(checkpoints::kGeneration) {}
};

TEST_P(Checkpoint12Generation, GivesTheTokensOfHuggingFace) { Measure(MeasureGeneration); }

TEST_P(Checkpoint12Generation, StopsWhereHuggingFaceStops) { Measure(MeasureGenerationUntilEos); }

TEST_P(Checkpoint12Generation, EncodesPromptsAsHuggingFaceDoes) {
  if (!Generations().front().prompt) GTEST_SKIP() << name() << " has no tokenizer";
  Measure(MeasureEncoding);
}

class GenerationProperties : public testing::GoldenModelTest {
 protected:
  // The greedy continuation of `golden`, whose tokens must be the golden ones.
  void ExpectGolden(Generator& generator, const GoldenGeneration& golden) {
    GenerationParams greedy;
    greedy.sampling.temperature = 0.0F;
    greedy.stopping.max_new_tokens = kGoldenNewTokens;
    const absl::StatusOr<Generation> generation =
        generator.Generate(golden.prompt_ids, greedy, [](const DecodingStep&) {});
    ASSERT_TRUE(generation.ok()) << generation.status();
    EXPECT_EQ(TokensOf(*generation), golden.tokens);
  }
};

TEST_P(GenerationProperties, DecodingIsBitIdenticalToPrefill) {
  const GoldenGeneration golden = Generations()[2];
  Tokens tokens = golden.prompt_ids;
  tokens.insert(tokens.end(), golden.tokens.begin(), golden.tokens.end());
  Gpt2 model = MakeModel();
  KvCache cache = MakeCache(2 * config().n_ctx);
  const std::vector<std::size_t> all = FirstPositions(tokens.size());
  Tensor prefilled = LogitsAt(model, cache, tokens, all, config().n_ctx);
  Tensor decoded = LogitsAt(model, cache, tokens, all, 1);
  EXPECT_TRUE(testing::SameBits(decoded.Rows(all.size()), prefilled.Rows(all.size())));
  for (std::size_t i = 0; i < golden.tokens.size(); ++i) {
    const std::size_t position = golden.prompt_ids.size() - 1 + i;
    EXPECT_EQ(Argmax(prefilled.Rows(all.size()).Row(position)), golden.tokens[i]);
  }
}

TEST_P(GenerationProperties, ResultDoesNotDependOnTheLargestStep) {
  const Tokenizer tokenizer = LoadTokenizer();
  KvCache cache = MakeCache(config().n_ctx);
  for (const std::size_t max_rows : {1U, 7U, 16U}) {
    Gpt2 model = MakeModel(max_rows, executor_);
    Generator generator(model, tokenizer, cache);
    SCOPED_TRACE(max_rows);
    ExpectGolden(generator, Generations()[4]);
    ExpectGolden(generator, Generations().back());
  }
}

TEST_P(GenerationProperties, UsedBlocksLeaveNoTrace) {
  const Tokenizer tokenizer = LoadTokenizer();
  Gpt2 model = MakeModel();
  KvCache cache = MakeCache(config().n_ctx);
  Generator generator(model, tokenizer, cache);
  const std::vector<GoldenGeneration> all = Generations();
  for (const std::size_t i : {all.size() - 1, std::size_t{0}, all.size() - 1}) {
    ExpectGolden(generator, all[i]);
    EXPECT_EQ(cache.free_blocks(), cache.num_blocks());
  }
}

INSTANTIATE_TEST_SUITE_P(, Checkpoint12Generation, testing::AllGoldenModels(), testing::NameOf);
INSTANTIATE_TEST_SUITE_P(, GenerationProperties, testing::BothGoldenModels(), testing::NameOf);

}  // namespace
}  // namespace cascade::model
