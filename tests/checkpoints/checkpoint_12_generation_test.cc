// Checkpoint 12: greedy decoding gives Hugging Face's tokens and text, for every golden prompt. The
// other half, through gRPC, is checkpoint_12_grpc_test.cc.
#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "model/generation/generator.h"
#include "model/sampling/argmax.h"
#include "model/tokenizer/tokenizer.h"
#include "tests/checkpoints/golden_model.h"
#include "tests/checkpoints/whole_model.h"
#include "tests/support/source_path.h"

namespace cascade::model {
namespace {

using Tokens = std::vector<TokenId>;

constexpr std::size_t kNewTokens = 64;  // generate.py's NEW_TOKENS

GenerationParams Greedy(std::size_t max_new_tokens, const Tokens& eos_token_ids) {
  GenerationParams params;
  params.sampling.temperature = 0.0F;
  params.stopping.max_new_tokens = max_new_tokens;
  params.stopping.eos_token_ids = eos_token_ids;
  return params;
}

Tokens IdsOf(const Generation& generation) {
  Tokens ids;
  for (const GeneratedToken& token : generation.tokens) ids.push_back(token.id);
  return ids;
}

// One entry of generation.json.
struct GoldenCase {
  explicit GoldenCase(const nlohmann::json& json)
      : prompt_ids(json["prompt_ids"].get<Tokens>()),
        tokens(json["tokens"].get<Tokens>()),
        tokens_until_eos(json["tokens_until_eos"].get<std::size_t>()) {
    if (!json["prompt"].is_null()) prompt = json["prompt"].get<std::string>();
    if (!json["text"].is_null()) text = json["text"].get<std::string>();
  }

  std::optional<std::string> prompt;
  Tokens prompt_ids;
  Tokens tokens;  // as if eos were a token like any other
  std::optional<std::string> text;
  std::size_t tokens_until_eos;  // including it; tokens.size() if it does not come
};

std::vector<GoldenCase> CasesOf(const nlohmann::json& json) {
  return std::vector<GoldenCase>(json.begin(), json.end());
}

// A model without a tokenizer borrows the bundled model's: its tokens are what counts.
Tokenizer LoadTokenizer(const std::string& folder) {
  absl::StatusOr<Tokenizer> own = Tokenizer::Load(folder);
  if (own.ok()) return *std::move(own);
  return *Tokenizer::Load(testing::BundledModelFolder());
}

class Checkpoint12Generation : public testing::CheckpointTest {
 protected:
  Checkpoint12Generation() : CheckpointTest(testing::checkpoints::kGeneration) {}
};

TEST_P(Checkpoint12Generation, GivesTheTokensOfHuggingFace) {
  const Tokenizer tokenizer = LoadTokenizer(folder());
  Gpt2 model = MakeModel();
  KvCache cache = MakeCache(config().n_ctx);
  Generator generator(model, tokenizer, cache);
  for (const GoldenCase& golden : CasesOf(GoldenJson("generation"))) {
    const absl::StatusOr<Generation> generation =
        generator.Generate(golden.prompt_ids, Greedy(kNewTokens, {}), [](const DecodingStep&) {});
    ASSERT_TRUE(generation.ok()) << generation.status();
    const std::string what = absl::StrCat("prompt '", golden.prompt.value_or("(ids)"), "'");
    ExpectTokens(IdsOf(*generation), golden.tokens, what);
    if (golden.text) {
      EXPECT_EQ(generation->text, *golden.text) << what;
    }
    EXPECT_EQ(generation->finish.reason, golden.tokens.size() == kNewTokens
                                             ? FinishReason::kMaxTokens
                                             : FinishReason::kContextFull);
  }
}

TEST_P(Checkpoint12Generation, StopsWhereHuggingFaceStops) {
  const Tokenizer tokenizer = LoadTokenizer(folder());
  Gpt2 model = MakeModel();
  KvCache cache = MakeCache(config().n_ctx);
  Generator generator(model, tokenizer, cache);
  for (const GoldenCase& golden : CasesOf(GoldenJson("generation"))) {
    const absl::StatusOr<Generation> generation = generator.Generate(
        golden.prompt_ids, Greedy(kNewTokens, config().eos_token_ids), [](const DecodingStep&) {});
    ASSERT_TRUE(generation.ok()) << generation.status();
    ExpectTokens(IdsOf(*generation), std::span(golden.tokens).first(golden.tokens_until_eos),
                 absl::StrCat("prompt '", golden.prompt.value_or("(ids)"), "'"));
    if (golden.tokens_until_eos == golden.tokens.size()) continue;
    EXPECT_EQ(generation->finish.reason, FinishReason::kEos);
  }
}

TEST_P(Checkpoint12Generation, EncodesPromptsAsHuggingFaceDoes) {
  const Tokenizer tokenizer = LoadTokenizer(folder());
  for (const GoldenCase& golden : CasesOf(GoldenJson("generation"))) {
    if (!golden.prompt) continue;
    const absl::StatusOr<Tokens> ids = tokenizer.Encode(*golden.prompt, SpecialTokens::kAsText);
    ASSERT_TRUE(ids.ok()) << ids.status();
    ExpectTokens(*ids, golden.prompt_ids, *golden.prompt);
  }
}

class GenerationProperties : public testing::GoldenModelTest {
 protected:
  std::vector<GoldenCase> cases() const { return CasesOf(GoldenJson("generation")); }
};

TEST_P(GenerationProperties, DecodingIsBitIdenticalToPrefill) {
  const GoldenCase golden = cases()[2];
  Tokens tokens = golden.prompt_ids;
  tokens.insert(tokens.end(), golden.tokens.begin(), golden.tokens.end());
  Gpt2 model = MakeModel();
  KvCache cache = MakeCache(2 * config().n_ctx);
  const std::vector<std::size_t> all = testing::FirstPositions(tokens.size());
  Tensor prefilled = testing::LogitsAt(model, cache, tokens, all, config().n_ctx);
  Tensor decoded = testing::LogitsAt(model, cache, tokens, all, 1);
  EXPECT_TRUE(testing::HasTheBitsOf(decoded.Rows(all.size()), prefilled.Rows(all.size())));
  for (std::size_t i = 0; i < golden.tokens.size(); ++i) {
    const std::size_t position = golden.prompt_ids.size() - 1 + i;
    EXPECT_EQ(Argmax(prefilled.Rows(all.size()).Row(position)), golden.tokens[i]);
  }
}

TEST_P(GenerationProperties, ResultDoesNotDependOnTheLargestStep) {
  const Tokenizer tokenizer = LoadTokenizer(folder());
  KvCache cache = MakeCache(config().n_ctx);
  for (const std::size_t max_rows : {1U, 7U, 16U}) {
    Gpt2 model = MakeModel(max_rows, executor_);
    Generator generator(model, tokenizer, cache);
    for (const GoldenCase& golden : {cases()[4], cases().back()}) {
      const absl::StatusOr<Generation> generation =
          generator.Generate(golden.prompt_ids, Greedy(kNewTokens, {}), [](const DecodingStep&) {});
      ASSERT_TRUE(generation.ok()) << generation.status();
      EXPECT_EQ(IdsOf(*generation), golden.tokens) << "at most " << max_rows << " rows";
    }
  }
}

TEST_P(GenerationProperties, UsedBlocksLeaveNoTrace) {
  const Tokenizer tokenizer = LoadTokenizer(folder());
  Gpt2 model = MakeModel();
  KvCache cache = MakeCache(config().n_ctx);
  Generator generator(model, tokenizer, cache);
  const std::vector<GoldenCase> all = cases();
  for (const std::size_t i : {all.size() - 1, std::size_t{0}, all.size() - 1}) {
    const absl::StatusOr<Generation> generation =
        generator.Generate(all[i].prompt_ids, Greedy(kNewTokens, {}), [](const DecodingStep&) {});
    ASSERT_TRUE(generation.ok()) << generation.status();
    EXPECT_EQ(IdsOf(*generation), all[i].tokens);
    EXPECT_EQ(cache.free_blocks(), cache.num_blocks());
  }
}

INSTANTIATE_TEST_SUITE_P(, Checkpoint12Generation, testing::AllGoldenModels(), testing::NameOf);
INSTANTIATE_TEST_SUITE_P(, GenerationProperties, testing::BothGoldenModels(), testing::NameOf);

}  // namespace
}  // namespace cascade::model
