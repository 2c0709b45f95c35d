// SPDX-License-Identifier: Apache-2.0
// The tokenizer against Hugging Face and tiktoken, on the texts of tests/golden/tokenizer.
#include <optional>
#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "model/tokenizer/tokenizer.h"
#include "tests/model/tokenizer/golden.h"

namespace cascade::model {
namespace {

struct Vocabulary {
  std::string name;  // of the ids in a golden line
  std::string folder;
};

class TokenizerGoldenTest : public ::testing::TestWithParam<Vocabulary> {
 protected:
  void SetUp() override {
    absl::StatusOr<Tokenizer> loaded = Tokenizer::Load(GetParam().folder);
    ASSERT_TRUE(loaded.ok()) << loaded.status();
    tokenizer_.emplace(*std::move(loaded));
    lines_ = testing::ReadGolden("cases.jsonl");
  }

  static std::string TextOf(const nlohmann::json& line) {
    return line.contains("hex") ? testing::FromHex(line["hex"]) : line["text"].get<std::string>();
  }

  std::vector<TokenId> Expected(const nlohmann::json& line, const std::string& suffix) const {
    return line.at(GetParam().name + suffix).get<std::vector<TokenId>>();
  }

  std::optional<Tokenizer> tokenizer_;
  std::vector<nlohmann::json> lines_;
};

TEST_P(TokenizerGoldenTest, EncodesEveryTextAsTheReferencesDo) {
  ASSERT_GE(lines_.size(), 2000U);
  for (const nlohmann::json& line : lines_) {
    const auto ids = tokenizer_->Encode(TextOf(line), SpecialTokens::kAsText);
    ASSERT_TRUE(ids.ok()) << ids.status();
    EXPECT_EQ(*ids, Expected(line, "")) << line.dump();
  }
}

TEST_P(TokenizerGoldenTest, EncodesSpecialTokensAsTheReferencesDo) {
  std::size_t with_special = 0;
  for (const nlohmann::json& line : lines_) {
    const bool has_special = line.contains(GetParam().name + "_special");
    const auto ids = tokenizer_->Encode(TextOf(line), SpecialTokens::kAsToken);
    ASSERT_TRUE(ids.ok()) << ids.status();
    EXPECT_EQ(*ids, Expected(line, has_special ? "_special" : "")) << line.dump();
    with_special += has_special ? 1 : 0;
  }
  EXPECT_GE(with_special, 50U);
}

TEST_P(TokenizerGoldenTest, DecodesTheReferencesIdsToTheText) {
  for (const nlohmann::json& line : lines_) {
    EXPECT_EQ(tokenizer_->Decode(Expected(line, "")), TextOf(line)) << line.dump();
  }
}

INSTANTIATE_TEST_SUITE_P(Vocabularies, TokenizerGoldenTest,
                         ::testing::Values(Vocabulary{"gpt2", testing::kGpt2Folder},
                                           Vocabulary{"tales", testing::kTalesFolder}),
                         [](const auto& vocabulary) { return vocabulary.param.name; });

}  // namespace
}  // namespace cascade::model
