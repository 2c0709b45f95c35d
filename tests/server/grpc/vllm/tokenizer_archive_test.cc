// SPDX-License-Identifier: Apache-2.0

#include "server/grpc/vllm/tokenizer_archive.h"

#include <string>

#include "absl/strings/escaping.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "model/tokenizer/tokenizer.h"
#include "server/grpc/vllm/zip_archive.h"
#include "tests/support/source_path.h"
#include "tests/support/status_matchers.h"
#include "tests/support/temp_dir.h"

namespace cascade::server {
namespace {

using ::cascade::testing::BundledModelFolder;
using ::cascade::testing::TempDir;
using ::testing::HasSubstr;
using ::testing::Not;

// As Python's zipfile writes it, but for the times.
TEST(ZipArchiveTest, HasEachFileAsItIsAndADirectory) {
  EXPECT_EQ(
      absl::BytesToHexString(ZipArchive({{"a.txt", "123456789"}})),
      "504b0304140000000000000021002639f4cb090000000900000005000000612e747874"
      "313233343536373839"
      "504b01021400140000000000000021002639f4cb09000000090000000500000000000000000000000000000000"
      "00612e747874"
      "504b05060000000001000100330000002c0000000000");
  EXPECT_EQ(ZipArchive({}), std::string("PK\x05\x06", 4) + std::string(18, '\0'));
}

// Its own format: a tokenizer that is made from the one that was made is the same.
TEST(TokenizerArchiveTest, AFolderWithoutATokenizerJsonGetsOne) {
  const auto tokenizer = model::Tokenizer::Load(BundledModelFolder());
  ASSERT_THAT(tokenizer, testing::IsOk());
  const auto archive = MakeTokenizerArchive(BundledModelFolder(), *tokenizer);
  ASSERT_THAT(archive, testing::IsOk());
  EXPECT_EQ(archive->sha256.size(), 64U);
  EXPECT_THAT(archive->zip, HasSubstr("tokenizer.json"));
  EXPECT_THAT(archive->zip, HasSubstr("vocab.json"));

  const std::size_t begin = archive->zip.find("{\"version\"");
  const std::size_t end = archive->zip.find("]}}\n", begin);
  ASSERT_NE(end, std::string::npos);
  TempDir folder;
  folder.WriteFile("tokenizer.json", archive->zip.substr(begin, end + 4 - begin));
  const auto made = model::Tokenizer::Load(folder.path());
  ASSERT_THAT(made, testing::IsOk());
  EXPECT_EQ(made->vocab_size(), tokenizer->vocab_size());
  EXPECT_EQ(made->end_of_text(), tokenizer->end_of_text());
  for (const std::string text :
       {"Once upon a time", " \"quoted\"\t\\n\n\n  and  more 123", "caf\xC3\xA9 <|endoftext|> end",
        "\xE4\xBD\xA0\xE5\xA5\xBD \xF0\x9F\x99\x82"}) {
    for (const auto special : {model::SpecialTokens::kAsText, model::SpecialTokens::kAsToken}) {
      EXPECT_EQ(*made->Encode(text, special), *tokenizer->Encode(text, special)) << text;
    }
  }
}

TEST(TokenizerArchiveTest, ATokenizerJsonIsSentAsItIs) {
  TempDir folder;
  folder.WriteFile("tokenizer.json", "{\"mine\": 1}");
  folder.WriteFile("tokenizer_config.json", "{\"chat_template\": \"x\"}");
  folder.WriteFile("model.safetensors", "weights");
  const auto archive = MakeTokenizerArchive(folder.path(), model::Tokenizer::None());
  ASSERT_THAT(archive, testing::IsOk());
  EXPECT_THAT(archive->zip, HasSubstr("{\"mine\": 1}"));
  EXPECT_THAT(archive->zip, HasSubstr("chat_template"));
  EXPECT_THAT(archive->zip, Not(HasSubstr("weights")));
}

TEST(TokenizerArchiveTest, AFolderThatIsGoneIsToldWithoutItsPath) {
  const auto archive = MakeTokenizerArchive("/nowhere", model::Tokenizer::None());
  EXPECT_EQ(archive.status().code(), absl::StatusCode::kInternal);
  EXPECT_THAT(std::string(archive.status().message()), Not(HasSubstr("nowhere")));
}

}  // namespace
}  // namespace cascade::server
