// A full-size model, where CASCADE_GPT2_DIR names its folder: what is known of gpt2-medium, and for
// any other that generation agrees with itself. Where golden data lies in the folder, every
// checkpoint runs on it as well (GoldenModel::kFullSize).
#include <cstddef>
#include <cstdio>
#include <optional>
#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "model/generation/generator.h"
#include "model/sampling/argmax.h"
#include "model/tokenizer/tokenizer.h"
#include "tests/checkpoints/golden_model.h"
#include "tests/checkpoints/whole_model.h"

namespace cascade::model {
namespace {

using Tokens = std::vector<TokenId>;

class FullSizeTest : public ::testing::Test {
 protected:
  void SetUp() override {
    const std::optional<std::string> folder = testing::FullSizeFolder();
    if (!folder) GTEST_SKIP() << "CASCADE_GPT2_DIR names no full-size model";
    folder_ = *folder;
    config_ = testing::LoadConfigOrDie(folder_);
  }

  bool IsGpt2Medium() const {
    return config_.n_layer == 24 && config_.n_embd == 1024 && config_.vocab_size == 50257;
  }

  Gpt2 MakeModel() {
    return Gpt2(config_, testing::LoadWeightsOrDie(folder_, config_), kMaxRows, executor_);
  }
  KvCache MakeCache() const { return *KvCache::Create(config_, KvCache::BlocksFor(config_.n_ctx)); }

  static constexpr std::size_t kMaxRows = 64;
  std::string folder_;
  ModelConfig config_;
  InlineExecutor executor_;
};

TEST_F(FullSizeTest, Gpt2MediumContinuesAsIsKnown) {
  if (!IsGpt2Medium()) GTEST_SKIP() << folder_ << " is not gpt2-medium";
  const absl::StatusOr<Tokenizer> tokenizer = Tokenizer::Load(folder_);
  ASSERT_TRUE(tokenizer.ok()) << tokenizer.status();
  Gpt2 model = MakeModel();
  KvCache cache = MakeCache();
  Generator generator(model, *tokenizer, cache);
  const auto continuation = [&](const std::string& prompt, std::size_t max_new_tokens) {
    GenerationParams greedy;
    greedy.sampling.temperature = 0.0F;
    greedy.stopping.max_new_tokens = max_new_tokens;
    const Tokens ids = *tokenizer->Encode(prompt, SpecialTokens::kAsText);
    return generator.Generate(ids, greedy, [](const DecodingStep&) {})->text;
  };
  EXPECT_EQ(*tokenizer->Encode("Hello.", SpecialTokens::kAsText), (Tokens{15496, 13}));
  EXPECT_EQ(continuation("Hello.", 10), " I'm a little late to the party, but");
  const std::string known = "\n\nThe answer is that we are all one";
  const std::string answer =
      continuation("What is the answer to life, the universe, and everything?", 20);
  EXPECT_EQ(answer.substr(0, known.size()), known);
}

TEST_F(FullSizeTest, DecodingIsBitIdenticalToPrefill) {
  Gpt2 model = MakeModel();
  KvCache cache = MakeCache();
  Tokens tokens;
  for (std::size_t i = 0; i < 9; ++i) {
    tokens.push_back(static_cast<TokenId>((i * 7919 + 15496) % config_.vocab_size));
  }
  const BlockTable blocks = *cache.TryAllocate(kMaxRows);
  std::size_t start = 0;
  for (int step = 0; step < 12; ++step) {
    Batch batch;
    batch.Add(blocks, start, std::span(tokens).subspan(start));
    const RowRange last{.first = batch.rows() - 1, .count = 1};
    const StepOutputs outputs = model.Forward(batch, {.logits = {&last, 1}, .hidden = {}}, cache);
    Tensor decoded = testing::CopyOf(outputs.logits);
    Tensor prefilled = testing::LogitsAt(model, cache, tokens, {{tokens.size() - 1}}, kMaxRows);
    ASSERT_TRUE(testing::HasTheBitsOf(decoded.Rows(1), prefilled.Rows(1))) << "step " << step;
    start = tokens.size();
    tokens.push_back(Argmax(decoded.Rows(1).Row(0)));
  }
}

}  // namespace
}  // namespace cascade::model
