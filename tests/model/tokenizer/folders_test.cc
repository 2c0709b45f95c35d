// SPDX-License-Identifier: Apache-2.0
// Tokenizer folders of many kinds give the token ids that transformers gives
// (tests/golden/tokenizer_folders).
#include <fstream>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "model/tokenizer/tokenizer.h"
#include "nlohmann/json.hpp"
#include "tests/model/tokenizer/tiny_vocabulary.h"
#include "tests/support/source_path.h"

namespace cascade::model {
namespace {

using nlohmann::json;

json Golden(const std::string& file) {
  std::ifstream golden(testing::SourcePath("tests/golden/tokenizer_folders/" + file));
  return json::parse(golden);
}

void ExpectIds(const Tokenizer& tokenizer, const json& texts) {
  for (const json& text : texts) {
    const absl::StatusOr<std::vector<TokenId>> ids =
        tokenizer.Encode(text.at("text").get<std::string>(), SpecialTokens::kAsToken);
    ASSERT_TRUE(ids.ok()) << ids.status();
    EXPECT_EQ(*ids, text.at("ids").get<std::vector<TokenId>>()) << text.at("text");
  }
}

TEST(TokenizerFoldersTest, EveryFolderGivesTheIdsOfTransformers) {
  const json golden = Golden("cases.json");
  for (const json& folder : golden.at("folders")) {
    const std::string name = folder.at("name");
    SCOPED_TRACE(name);
    const testing::ScopedFolder files("folders");
    for (const auto& [file, content] : folder.at("files").items()) {
      files.Write(file, content.is_string() ? content.get<std::string>() : content.dump());
    }
    const absl::StatusOr<Tokenizer> tokenizer = Tokenizer::Load(files.path());
    ASSERT_TRUE(tokenizer.ok()) << tokenizer.status();
    ExpectIds(*tokenizer, folder.at("texts"));
    // Where the ids are not those of transformers 5, somebody must say so.
    EXPECT_EQ(!tokenizer->warnings().empty(),
              folder.at("by") == "tokenizers" || name == "add_bos_token beside tokenizer.json")
        << ::testing::PrintToString(tokenizer->warnings());
  }
}

TEST(TokenizerFoldersTest, RandomAddedTokensAreCutOutAsTokenizersDoes) {
  const json golden = Golden("added_tokens.json");
  for (const json& random : golden.at("cases")) {
    json document = random.at("tokenizer");
    document["model"]["vocab"] = testing::TinyVocab({});
    SCOPED_TRACE(document.at("added_tokens").dump());
    const testing::ScopedFolder files("added_tokens");
    files.Write("tokenizer.json", document.dump());
    files.Write("tokenizer_config.json", R"({"tokenizer_class": "PreTrainedTokenizerFast"})");
    const absl::StatusOr<Tokenizer> tokenizer = Tokenizer::Load(files.path());
    ASSERT_TRUE(tokenizer.ok()) << tokenizer.status();
    ExpectIds(*tokenizer, random.at("texts"));
  }
}

}  // namespace
}  // namespace cascade::model
