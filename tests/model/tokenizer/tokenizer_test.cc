// SPDX-License-Identifier: Apache-2.0

#include "model/tokenizer/tokenizer.h"

#include <random>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/model/tokenizer/golden.h"
#include "tests/model/tokenizer/tiny_vocabulary.h"

namespace cascade::model {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr std::size_t kMegabyte = std::size_t{1} << 20;

Tokenizer LoadOrDie(const std::string& folder) {
  absl::StatusOr<Tokenizer> loaded = Tokenizer::Load(folder);
  EXPECT_TRUE(loaded.ok()) << loaded.status();
  return *std::move(loaded);
}

std::vector<TokenId> Encode(const Tokenizer& tokenizer, absl::string_view text,
                            SpecialTokens special_tokens = SpecialTokens::kAsText) {
  absl::StatusOr<std::vector<TokenId>> ids = tokenizer.Encode(text, special_tokens);
  EXPECT_TRUE(ids.ok()) << ids.status();
  return *std::move(ids);
}

std::string RandomBytes(std::mt19937& generator, std::size_t size) {
  std::string bytes(size, '\0');
  for (char& byte : bytes) byte = static_cast<char>(generator());
  return bytes;
}

TEST(TokenizerTest, EncodesTheSpecificationsPrompt) {
  const Tokenizer tokenizer = LoadOrDie(testing::kGpt2Folder);
  EXPECT_THAT(Encode(tokenizer, "Hello."), ElementsAre(15496, 13));
}

TEST(TokenizerTest, KnowsItsVocabulary) {
  const Tokenizer tokenizer = LoadOrDie(testing::kGpt2Folder);
  EXPECT_EQ(tokenizer.vocab_size(), 50257U);
  EXPECT_EQ(tokenizer.end_of_text(), TokenId{50256});
  EXPECT_EQ(tokenizer.Bytes(15496), "Hello");
  EXPECT_EQ(tokenizer.Bytes(50256), "<|endoftext|>");
  EXPECT_TRUE(tokenizer.IsSpecial(50256));
  EXPECT_FALSE(tokenizer.IsSpecial(15496));
}

TEST(TokenizerTest, DecodesIdsBeyondTheVocabularyToNothing) {
  const Tokenizer tokenizer = LoadOrDie(testing::kGpt2Folder);
  EXPECT_EQ(tokenizer.Decode(std::vector<TokenId>{15496, 50257, UINT32_MAX, 13}), "Hello.");
}

TEST(TokenizerTest, DecodingGivesBackAnyBytes) {
  std::mt19937 generator(1);
  for (const std::string& folder : {testing::kGpt2Folder, testing::kTalesFolder}) {
    const Tokenizer tokenizer = LoadOrDie(folder);
    for (int i = 0; i < 2000; ++i) {
      const std::string bytes = RandomBytes(generator, generator() % 64);
      EXPECT_EQ(tokenizer.Decode(Encode(tokenizer, bytes)), bytes);
      EXPECT_EQ(tokenizer.Decode(Encode(tokenizer, bytes, SpecialTokens::kAsToken)), bytes);
    }
  }
}

TEST(TokenizerTest, EncodesLongTextsOfEveryKind) {
  const Tokenizer tokenizer = LoadOrDie(testing::kGpt2Folder);
  std::mt19937 generator(2);
  std::vector<std::string> texts = {RandomBytes(generator, kMegabyte)};
  for (const char byte : {'a', ' ', '\n', '0', '!', '\'', '\x80', '\0'}) {
    texts.emplace_back(kMegabyte, byte);
  }
  for (const char* piece :
       {"ab", " \n", "'s", "\xe4\xb8\xad", "\xcc\x81", "<|endoftext", "\xe2\x80\x83"}) {
    texts.emplace_back();
    while (texts.back().size() < kMegabyte) texts.back() += piece;
  }
  for (const std::string& text : texts) {
    EXPECT_EQ(tokenizer.Decode(Encode(tokenizer, text, SpecialTokens::kAsToken)), text);
  }
}

TEST(TokenizerTest, TextFromStrangersNeverHasSpecialTokens) {
  const Tokenizer tokenizer = LoadOrDie(testing::kGpt2Folder);
  for (const TokenId id : Encode(tokenizer, "a<|endoftext|><|endoftext|> b")) {
    EXPECT_FALSE(tokenizer.IsSpecial(id));
  }
}

TEST(TokenizerTest, ManyThreadsEncodeAsOneDoes) {
  const Tokenizer tokenizer = LoadOrDie(testing::kTalesFolder);
  const std::string text = "Once upon a time, they'd said, \xe4\xb8\xad\xff there was a miller. ";
  const std::vector<TokenId> expected = Encode(tokenizer, text);
  std::vector<std::vector<std::vector<TokenId>>> found(4);
  std::vector<std::thread> threads;
  for (auto& mine : found) {
    threads.emplace_back([&] {
      for (int i = 0; i < 500; ++i) {
        mine.push_back(*tokenizer.Encode(text, SpecialTokens::kAsText));
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  for (const auto& mine : found) {
    for (const auto& ids : mine) EXPECT_EQ(ids, expected);
  }
}

TEST(TokenizerTest, ReadsTokenizerJsonWhereThereIsNoVocabJson) {
  const testing::ScopedFolder folder("fast");
  folder.Write("tokenizer.json", testing::TinyTokenizerJson({{"a", "b"}}).dump());
  EXPECT_THAT(Encode(LoadOrDie(folder.path()), "cab"), ElementsAre('c', 256));
}

TEST(TokenizerTest, PrefersTokenizerJsonToVocabJson) {
  const testing::ScopedFolder folder("both");
  folder.Write("tokenizer.json", testing::TinyTokenizerJson({{"a", "b"}}).dump());
  folder.Write("vocab.json", "not read");
  folder.Write("merges.txt", "not read");
  EXPECT_THAT(Encode(LoadOrDie(folder.path()), "cab"), ElementsAre('c', 256));
}

TEST(TokenizerTest, ReadsTokensThatWereAddedAfterTraining) {
  const testing::ScopedFolder folder("added");
  folder.Write("vocab.json", testing::TinyVocab({}).dump());
  folder.Write("merges.txt", testing::TinyMerges({}));
  folder.Write("added_tokens.json", R"({"<pad>": 300, "<me>": 302})");
  folder.Write("special_tokens_map.json", R"({"pad_token": "<pad>"})");
  const Tokenizer tokenizer = LoadOrDie(folder.path());
  EXPECT_THAT(Encode(tokenizer, "a<pad>b", SpecialTokens::kAsToken), ElementsAre('a', 300, 'b'));
  EXPECT_EQ(Encode(tokenizer, "a<pad>b").size(), 7U);
  EXPECT_TRUE(tokenizer.IsSpecial(300));
  EXPECT_THAT(Encode(tokenizer, "a<me>b"), ElementsAre('a', 302, 'b'));  // has no role
  EXPECT_FALSE(tokenizer.IsSpecial(302));
  EXPECT_EQ(tokenizer.Bytes(302), "<me>");
  EXPECT_EQ(tokenizer.vocab_size(), 303U);
  EXPECT_THAT(tokenizer.Bytes(299), IsEmpty());  // an id that the vocabulary leaves out
}

TEST(TokenizerTest, NamesTheByteThatHasNoToken) {
  nlohmann::json vocab = testing::TinyVocab({});
  for (const char* gone : {"z", "\u00a9"}) vocab.erase(gone);  // the second byte of e with acute
  const testing::ScopedFolder folder("bytes");
  folder.Write("vocab.json", vocab.dump());
  folder.Write("merges.txt", testing::TinyMerges({}));
  const Tokenizer tokenizer = LoadOrDie(folder.path());
  EXPECT_THAT(Encode(tokenizer, "ab"), ElementsAre('a', 'b'));
  const auto message = [&](absl::string_view text) {
    const absl::Status status = tokenizer.Encode(text, SpecialTokens::kAsText).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
    return std::string(status.message());
  };
  EXPECT_EQ(message("abz"), "the model's vocabulary has no token for the byte 0x7a of \"z\"");
  EXPECT_EQ(message("a \u00e9"),
            "the model's vocabulary has no token for the byte 0xa9 of \"\\xc3\\xa9\"");
}

TEST(TokenizerTest, NoneEncodesNothingAndDecodesToNothing) {
  const Tokenizer none = Tokenizer::None();
  EXPECT_TRUE(none.is_none());
  EXPECT_EQ(none.vocab_size(), 0U);
  EXPECT_EQ(none.Encode("a", SpecialTokens::kAsText).status().code(),
            absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(none.Decode(std::vector<TokenId>{1, 2}), "");
}

TEST(TokenizerTest, WarnsOfWhatItDoesNotFollow) {
  const testing::ScopedFolder folder("warnings");
  folder.Write("vocab.json", testing::TinyVocab({}).dump());
  folder.Write("merges.txt", testing::TinyMerges({}));
  folder.Write("tokenizer_config.json",
               R"({"clean_up_tokenization_spaces": true, "split_special_tokens": false})");
  EXPECT_THAT(LoadOrDie(folder.path()).warnings(),
              ElementsAre(HasSubstr("clean_up_tokenization_spaces is not followed"),
                          HasSubstr("the vocabulary lacks \"<|endoftext|>\"")));
}

TEST(TokenizerTest, ReadsManySpecialTokens) {
  nlohmann::json names = nlohmann::json::array();
  nlohmann::json vocab = testing::TinyVocab({});
  for (int i = 0; i < 20'000; ++i) names.push_back(absl::StrCat("<", i, ">"));
  for (int i = 0; i < 50'000; ++i) vocab[absl::StrCat("w", i)] = 256 + i;
  const testing::ScopedFolder folder("many");
  folder.Write("vocab.json", vocab.dump());
  folder.Write("merges.txt", testing::TinyMerges({}));
  folder.Write("tokenizer_config.json",
               nlohmann::json{{"additional_special_tokens", names}}.dump());
  const Tokenizer tokenizer = LoadOrDie(folder.path());
  EXPECT_EQ(tokenizer.vocab_size(), 256U + 50'000 + 20'000);
  EXPECT_THAT(Encode(tokenizer, "<0><19999>", SpecialTokens::kAsToken),
              ElementsAre(50'256, 70'255));
}

TEST(TokenizerTest, RefusesAVocabularyOfAnotherClassOfTokenizers) {
  const testing::ScopedFolder folder("class");
  folder.Write("vocab.json", testing::TinyVocab({}).dump());
  folder.Write("merges.txt", testing::TinyMerges({}));
  folder.Write("tokenizer_config.json", R"({"tokenizer_class": "BertTokenizer"})");
  EXPECT_THAT(std::string(Tokenizer::Load(folder.path()).status().message()),
              HasSubstr("tokenizer_config.json says tokenizer_class \"BertTokenizer\""));
}

TEST(TokenizerTest, TakesTheLongestOfTheAddedTokensThatBeginTogether) {
  nlohmann::json document = testing::TinyTokenizerJson({});
  document["added_tokens"] = {{{"content", "<a>"}, {"id", 300}, {"special", true}},
                              {{"content", "<a><b>"}, {"id", 301}, {"special", true}},
                              {{"content", "a>"}, {"id", 302}, {"special", false}}};
  const testing::ScopedFolder folder("longest");
  folder.Write("tokenizer.json", document.dump());
  const Tokenizer tokenizer = LoadOrDie(folder.path());
  EXPECT_THAT(Encode(tokenizer, "<a><b><a>x", SpecialTokens::kAsToken), ElementsAre(301, 300, 'x'));
  EXPECT_THAT(Encode(tokenizer, "<a>x"),
              ElementsAre('<', 302, 'x'));  // not special: always cut out
}

// As `tokenizers` cuts.
TEST(TokenizerTest, WhiteSpaceThatATokenTakesAlongMayBeginAnother) {
  nlohmann::json document = testing::TinyTokenizerJson({});
  document["added_tokens"] = {{{"content", "<s>"}, {"id", 300}, {"rstrip", true}},
                              {{"content", "\t\t"}, {"id", 301}, {"lstrip", true}},
                              {{"content", "  "}, {"id", 302}},
                              {{"content", " x"}, {"id", 303}, {"lstrip", true}}};
  const testing::ScopedFolder folder("taken_along");
  folder.Write("tokenizer.json", document.dump());
  const Tokenizer tokenizer = LoadOrDie(folder.path());
  EXPECT_THAT(Encode(tokenizer, "<s>\t\ta\t\t"), ElementsAre(300, 'a', 301));
  EXPECT_THAT(Encode(tokenizer, "<s>  a"), ElementsAre(300, 302, 'a'));
  EXPECT_THAT(Encode(tokenizer, "<s>   a"), ElementsAre(300, 302, ' ', 'a'));
  EXPECT_THAT(Encode(tokenizer, "<s> xa"), ElementsAre(300, 303, 'a'));
}

TEST(TokenizerTest, ATokenThatTextMergesToIsNotSpecial) {
  nlohmann::json document = testing::TinyTokenizerJson({{"a", "b"}});
  document["added_tokens"] = {{{"content", "ab"}, {"id", 256}, {"special", true}}};
  const testing::ScopedFolder folder("unspecial");
  folder.Write("tokenizer.json", document.dump());
  const Tokenizer tokenizer = LoadOrDie(folder.path());
  EXPECT_THAT(Encode(tokenizer, "ab"), ElementsAre(256));
  EXPECT_FALSE(tokenizer.IsSpecial(256));
}

TEST(TokenizerTest, SaysWhichFilesAreMissing) {
  const testing::ScopedFolder folder("empty");
  folder.Write("vocab.json", "{}");  // without merges.txt
  const absl::Status status = Tokenizer::Load(folder.path()).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kNotFound);
  EXPECT_THAT(std::string(status.message()),
              HasSubstr("has neither tokenizer.json nor vocab.json and merges.txt"));
}

TEST(TokenizerTest, SaysWhatIsThereInPlaceOfItsFiles) {
  for (const auto& [name, what] : std::vector<std::pair<std::string, std::string>>{
           {"vocab.txt", "WordPiece"},
           {"tokenizer.model", "SentencePiece"},
           {"spiece.model", "SentencePiece"},
           {"sentencepiece.bpe.model", "SentencePiece"},
           {"encoder.json", "OpenAI's name for vocab.json"},
           {"vocab.bpe", "OpenAI's name for merges.txt"}}) {
    const testing::ScopedFolder folder("other_" + name);
    folder.Write(name, "x");
    const absl::Status status = Tokenizer::Load(folder.path()).status();
    EXPECT_THAT(std::string(status.message()), HasSubstr(absl::StrCat("; there is ", name, ", ")))
        << name;
    EXPECT_THAT(std::string(status.message()), HasSubstr(what)) << name;
  }
}

TEST(TokenizerTest, WarnsOfSettingsThatAreNotFollowed) {
  const testing::ScopedFolder folder("settings");
  folder.Write("tokenizer.json", testing::TinyTokenizerJson({}).dump());
  folder.Write("tokenizer_config.json",
               R"({"errors": "strict", "auto_map": {"AutoTokenizer": ["code.Mine", null]},
                   "do_lower_case": true, "split_special_tokens": false,
                   "tokenizer_class": "PreTrainedTokenizerFast"})");
  EXPECT_THAT(LoadOrDie(folder.path()).warnings(),
              ::testing::UnorderedElementsAre(HasSubstr("errors=\"strict\" is not followed"),
                                              HasSubstr("auto_map is not followed"),
                                              HasSubstr("do_lower_case is not followed")));
  folder.Write("tokenizer_config.json", R"({"errors": "replace", "auto_map": null,
                   "tokenizer_class": "PreTrainedTokenizerFast"})");
  EXPECT_THAT(LoadOrDie(folder.path()).warnings(), ::testing::IsEmpty());
}

TEST(TokenizerTest, AByteOrderMarkBeforeMergesIsNoToken) {
  const testing::ScopedFolder folder("bom");
  folder.Write("vocab.json", testing::TinyVocab({{"a", "b"}}).dump());
  folder.Write("merges.txt", "\xEF\xBB\xBF" + testing::TinyMerges({{"a", "b"}}));
  EXPECT_THAT(Encode(LoadOrDie(folder.path()), "ab"), ElementsAre(256));
}

TEST(TokenizerTest, NamesTheMalformedFileByItsPath) {
  const testing::ScopedFolder folder("malformed");
  folder.Write("vocab.json", "");
  folder.Write("merges.txt", "");
  const absl::Status status = Tokenizer::Load(folder.path()).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(status.message()),
              HasSubstr(folder.path() + "/vocab.json: not valid JSON"));
}

}  // namespace
}  // namespace cascade::model
