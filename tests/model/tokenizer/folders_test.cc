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

json Folders() {
  std::ifstream cases(testing::SourcePath("tests/golden/tokenizer_folders/cases.json"));
  return json::parse(cases).at("folders");
}

TEST(TokenizerFoldersTest, EveryFolderGivesTheIdsOfTransformers) {
  for (const json& folder : Folders()) {
    const std::string name = folder.at("name");
    SCOPED_TRACE(name);
    const testing::ScopedFolder files("folders");
    for (const auto& [file, content] : folder.at("files").items()) {
      files.Write(file, content.is_string() ? content.get<std::string>() : content.dump());
    }
    const absl::StatusOr<Tokenizer> tokenizer = Tokenizer::Load(files.path());
    ASSERT_TRUE(tokenizer.ok()) << tokenizer.status();
    for (const json& text : folder.at("texts")) {
      const absl::StatusOr<std::vector<TokenId>> ids =
          tokenizer->Encode(text.at("text").get<std::string>(), SpecialTokens::kAsToken);
      ASSERT_TRUE(ids.ok()) << ids.status();
      EXPECT_EQ(*ids, text.at("ids").get<std::vector<TokenId>>()) << text.at("text");
    }
    // Where the ids are not those of transformers 5, somebody must say so.
    EXPECT_EQ(!tokenizer->warnings().empty(),
              folder.at("by") == "tokenizers" || name == "add_bos_token beside tokenizer.json")
        << ::testing::PrintToString(tokenizer->warnings());
  }
}

}  // namespace
}  // namespace cascade::model
