// SPDX-License-Identifier: Apache-2.0

#include "model/tokenizer/vocabulary.h"

#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "model/tokenizer/tokenizer_json.h"
#include "model/tokenizer/tokenizer_settings.h"
#include "model/tokenizer/vocabulary_files.h"
#include "tests/model/tokenizer/tiny_vocabulary.h"

namespace cascade::model {
namespace {

using nlohmann::json;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using testing::TinyMerges;
using testing::TinyTokenizerJson;
using testing::TinyVocab;

absl::StatusOr<Vocabulary> VocabularyOf(absl::StatusOr<TokenizerParts> parts) {
  if (!parts.ok()) return parts.status();
  return std::move(parts->vocabulary);
}

absl::StatusOr<Vocabulary> ParseFiles(const std::string& vocab, const std::string& merges = "") {
  return VocabularyOf(ParseVocabularyFiles({"dir/vocab.json", vocab}, {"dir/merges.txt", merges}));
}

absl::StatusOr<Vocabulary> ParseFast(const std::string& document) {
  return VocabularyOf(ParseTokenizerJson({"dir/tokenizer.json", document}));
}

absl::StatusOr<Vocabulary> ParseFast(const json& document) { return ParseFast(document.dump()); }

// The message of a parse that must be refused.
std::string Refusal(const absl::StatusOr<Vocabulary>& parsed) {
  EXPECT_EQ(parsed.status().code(), absl::StatusCode::kInvalidArgument);
  return std::string(parsed.status().message());
}

// The message where vocab.json has one more member.
std::string RefusalWith(const std::string& key, const json& value) {
  json vocab = TinyVocab({});
  vocab[key] = value;
  return Refusal(ParseFiles(vocab.dump()));
}

// The message where a sound tokenizer.json is changed in one place.
std::string FastRefusalWith(const std::string& pointer, const json& value) {
  json document = TinyTokenizerJson({{"a", "b"}});
  document[json::json_pointer(pointer)] = value;
  return Refusal(ParseFast(document));
}

TEST(VocabularyTest, ReadsTokensAndMerges) {
  const auto parsed = ParseFiles(TinyVocab({{" ", "a"}}).dump(), TinyMerges({{" ", "a"}}));
  ASSERT_TRUE(parsed.ok()) << parsed.status();
  EXPECT_EQ(parsed->tokens.size(), 257U);
  EXPECT_EQ(parsed->tokens[256], " a");
  EXPECT_EQ(parsed->byte_tokens['a'], TokenId{'a'});
  ASSERT_EQ(parsed->merges.size(), 1U);
  EXPECT_EQ(parsed->merges[0].left, TokenId{' '});
  EXPECT_EQ(parsed->merges[0].right, TokenId{'a'});
  EXPECT_EQ(parsed->merges[0].whole, TokenId{256});
}

TEST(VocabularyTest, TakesMergesWithEitherLineEndingAndWithoutAVersion) {
  const std::string vocab = TinyVocab({{"a", "b"}, {"c", "d"}}).dump();
  for (const char* merges : {"a b\nc d\n", "a b\nc d", "#version: 0.2\r\na b\r\nc d\r\n"}) {
    const auto parsed = ParseFiles(vocab, merges);
    ASSERT_TRUE(parsed.ok()) << parsed.status();
    EXPECT_EQ(parsed->merges.size(), 2U);
  }
}

TEST(VocabularyTest, EndOfTextIsSpecialInVocabJson) {
  json vocab = TinyVocab({});
  vocab[std::string(kEndOfText)] = 256;
  const auto parsed = ParseFiles(vocab.dump());
  ASSERT_TRUE(parsed.ok()) << parsed.status();
  ASSERT_EQ(parsed->added.size(), 1U);
  EXPECT_EQ(parsed->added[0].text, kEndOfText);
  EXPECT_EQ(parsed->added[0].id, TokenId{256});
  EXPECT_TRUE(parsed->added[0].special);
}

TEST(VocabularyTest, RefusesVocabJsonThatIsNoObjectOfIds) {
  EXPECT_THAT(Refusal(ParseFiles("{\"a\": 0,\n oops}")),
              HasSubstr("dir/vocab.json: not valid JSON at byte 11"));
  EXPECT_THAT(Refusal(ParseFiles("{\"\xff\": 0}")),
              HasSubstr("dir/vocab.json: not valid JSON at byte 3"));
  EXPECT_EQ(Refusal(ParseFiles("[1]")), "dir/vocab.json: expected a JSON object, found an array");
  EXPECT_EQ(RefusalWith("ab", "7"),
            "dir/vocab.json: key \"ab\": expected a token id, an integer from 0, found string");
  EXPECT_EQ(RefusalWith("ab", -1),
            "dir/vocab.json: key \"ab\": expected a token id, an integer from 0, found -1");
  EXPECT_EQ(RefusalWith("ab", 1.5),
            "dir/vocab.json: key \"ab\": expected a token id, an integer from 0, found 1.5");
}

TEST(VocabularyTest, RefusesIdsThatAreTooLargeOrTaken) {
  EXPECT_EQ(RefusalWith("ab", kMaxVocabSize),
            "dir/vocab.json: key \"ab\": token id 4194304 is not below 4194304");
  EXPECT_EQ(RefusalWith("~~", 65), "dir/vocab.json: key \"~~\": id 65 is taken by another token");
}

TEST(VocabularyTest, RefusesTokensThatAreNotWrittenInTheByteAlphabet) {
  EXPECT_EQ(RefusalWith("a b", 256),
            "dir/vocab.json: key \"a b\": token \"a b\": the character ' ' is not in GPT-2's byte "
            "alphabet");
  EXPECT_EQ(RefusalWith("", 256), "dir/vocab.json: key \"\": a token must not be empty");
}

TEST(VocabularyTest, ABytesTokenMayBeMissingButNotAllOfThem) {
  json vocab = TinyVocab({});
  vocab.erase("\u0120");
  const auto parsed = ParseFiles(vocab.dump());
  ASSERT_TRUE(parsed.ok()) << parsed.status();
  EXPECT_EQ(parsed->byte_tokens[' '], kNoToken);
  EXPECT_EQ(parsed->byte_tokens['a'], TokenId{'a'});
  EXPECT_EQ(Refusal(ParseFiles(R"({"ab": 0})")),
            "dir/vocab.json: no token for any of the 256 bytes: not byte-level BPE");
}

TEST(VocabularyTest, RefusesMergeLinesThatAreNotTwoTokens) {
  const std::string vocab = TinyVocab({{"a", "b"}}).dump();
  const auto expected = [](int line, const std::string& found) {
    return absl::StrCat("dir/merges.txt: line ", line,
                        ": expected two tokens with one space between them, found \"", found, "\"");
  };
  EXPECT_EQ(Refusal(ParseFiles(vocab, "#version: 0.2\na b\nab\n")), expected(3, "ab"));
  EXPECT_EQ(Refusal(ParseFiles(vocab, "a b c\n")), expected(1, "a b c"));
  EXPECT_EQ(Refusal(ParseFiles(vocab, "a b\n\na b\n")), expected(2, ""));
  EXPECT_EQ(Refusal(ParseFiles(vocab, "a b\n#version: 0.2 \n")), expected(2, "#version: 0.2 "));
}

TEST(VocabularyTest, RefusesMergesOfWhatIsNotInTheVocabulary) {
  const std::string vocab = TinyVocab({{"a", "b"}}).dump();
  EXPECT_EQ(Refusal(ParseFiles(vocab, "xy b\n")),
            "dir/merges.txt: line 1: \"xy\" of the merge \"xy b\" is not in the vocabulary");
  EXPECT_EQ(Refusal(ParseFiles(vocab, "a xy\n")),
            "dir/merges.txt: line 1: \"xy\" of the merge \"a xy\" is not in the vocabulary");
  EXPECT_EQ(Refusal(ParseFiles(vocab, "b a\n")),
            "dir/merges.txt: line 1: \"ba\" of the merge \"b a\" is not in the vocabulary");
  EXPECT_EQ(Refusal(ParseFiles(vocab, " b\n")),
            "dir/merges.txt: line 1: \"\" of the merge \" b\" is not in the vocabulary");
  EXPECT_EQ(Refusal(ParseFiles(vocab, "\xff b\n")),
            "dir/merges.txt: line 1: \"\\xff\" of the merge \"\\xff b\" is not in the vocabulary");
}

TEST(VocabularyTest, KeepsMessagesOnOneLine) {
  EXPECT_EQ(RefusalWith("a\nb", "x"),
            "dir/vocab.json: key \"a\\nb\": expected a token id, an integer from 0, found string");
}

TEST(VocabularyTest, QuotesOnlyTheBeginningOfALongLine) {
  const std::string message = Refusal(ParseFiles(TinyVocab({}).dump(), std::string(5000, 'a')));
  EXPECT_THAT(message, HasSubstr("aaa...\""));
  EXPECT_LT(message.size(), 250U);
}

TEST(VocabularyTest, RefusesAddedTokensThatContradictTheVocabulary) {
  const auto parse = [](const std::string& added) -> absl::StatusOr<Vocabulary> {
    const absl::StatusOr<TokenizerSettings> settings =
        ParseTokenizerSettings({.added_tokens = NamedText{"dir/added_tokens.json", added}});
    if (!settings.ok()) return settings.status();
    return VocabularyOf(ParseVocabularyFiles({"dir/vocab.json", TinyVocab({}).dump()},
                                             {"dir/merges.txt", ""}, *settings));
  };
  EXPECT_EQ(Refusal(parse(R"({"": 256})")), "dir/vocab.json: an added token must not be empty");
  EXPECT_EQ(Refusal(parse(R"({"a": 256})")),
            "dir/vocab.json: key \"a\": \"a\" has id 97 here and id 256 as an added token");
  EXPECT_EQ(Refusal(parse(R"({"x y": 97})")),
            "dir/vocab.json: key \"a\": id 97 is taken by another token");
  EXPECT_EQ(Refusal(parse("3")), "dir/added_tokens.json: expected a JSON object, found 3");
}

TEST(VocabularyTest, ReadsTokenizerJsonWithMergesOfEitherForm) {
  json document = TinyTokenizerJson({{"a", "b"}, {"c", "d"}});
  document["model"]["merges"][1] = "c d";
  document["added_tokens"] = {{{"content", "<x y>"}, {"id", 300}, {"special", true}}};
  const auto parsed = ParseFast(document);
  ASSERT_TRUE(parsed.ok()) << parsed.status();
  EXPECT_EQ(parsed->merges.size(), 2U);
  EXPECT_EQ(parsed->tokens[257], "cd");
  EXPECT_EQ(parsed->tokens[300], "<x y>");
  ASSERT_EQ(parsed->added.size(), 1U);
  EXPECT_TRUE(parsed->added[0].special);
}

TEST(VocabularyTest, RefusesTokenizerJsonOfAnotherShape) {
  EXPECT_THAT(Refusal(ParseFast(std::string("{"))),
              HasSubstr("dir/tokenizer.json: not valid JSON at byte 2"));
  EXPECT_EQ(FastRefusalWith("/model/vocab", 1),
            "dir/tokenizer.json: model.vocab: expected an object of token ids, found 1");
  EXPECT_EQ(FastRefusalWith("/model/vocab/a", "x"),
            "dir/tokenizer.json: model.vocab: key \"a\": expected a token id, an integer from 0, "
            "found string");
  EXPECT_EQ(FastRefusalWith("/model/merges", nullptr),
            "dir/tokenizer.json: model.merges: expected an array, found null");
  for (const json& merge : {json("ab"), json("a b c"), json({"a"}), json({"a", 1})}) {
    EXPECT_THAT(FastRefusalWith("/model/merges/0", merge),
                HasSubstr("dir/tokenizer.json: model.merges[0]: expected \"left right\" or "
                          "[\"left\", \"right\"], found "));
  }
  EXPECT_EQ(FastRefusalWith("/model/merges/0", "b a"),
            "dir/tokenizer.json: model.merges[0]: \"ba\" of the merge \"b a\" is not in the "
            "vocabulary");
  EXPECT_THAT(FastRefusalWith("/model/vocab", json::object()),
              HasSubstr("is not in the vocabulary"));
}

TEST(VocabularyTest, RefusesTokenizerJsonWithOtherRulesThanItKnows) {
  const auto refusal = [](const std::string& key, const json& value) {
    return FastRefusalWith(key, value);
  };
  const std::string file = "dir/tokenizer.json: ";
  EXPECT_EQ(refusal("/normalizer", {{"type", "Lowercase"}}),
            file +
                "normalizer.type: expected NFC, NFD, NFKC, NFKD or a Sequence of them, found "
                "\"Lowercase\"");
  EXPECT_EQ(refusal("/normalizer", {{"type", "Sequence"}, {"normalizers", 1}}),
            file + "normalizer.normalizers: expected an array, found 1");
  EXPECT_EQ(refusal("/pre_tokenizer", nullptr),
            file + "pre_tokenizer.type: expected ByteLevel, as GPT-2 has it, found null");
  EXPECT_EQ(refusal("/pre_tokenizer/type", "Whitespace"),
            file +
                "pre_tokenizer.type: expected ByteLevel, Digits, Split or a Sequence of them, "
                "found \"Whitespace\"");
  EXPECT_EQ(refusal("/pre_tokenizer/add_prefix_space", "yes"),
            file + "pre_tokenizer.add_prefix_space: expected true or false, found \"yes\"");
  EXPECT_THAT(refusal("/pre_tokenizer", {{"type", "Split"}, {"pattern", {{"Regex", "\\d"}}}}),
              HasSubstr("pre_tokenizer.pattern: expected GPT-2's, the Regex "));
  EXPECT_EQ(refusal("/pre_tokenizer",
                    {{"type", "Sequence"},
                     {"pretokenizers", {{{"type", "ByteLevel"}}, {{"type", "Digits"}}}}}),
            file +
                "pre_tokenizer.pretokenizers[1].type: expected nothing after ByteLevel, found "
                "\"Digits\"");
  EXPECT_THAT(refusal("/post_processor", {{"type", "Other"}}),
              HasSubstr("post_processor.type: expected ByteLevel, TemplateProcessing, "));
  EXPECT_EQ(refusal("/post_processor", {{"type", "TemplateProcessing"}, {"single", 1}}),
            file + "post_processor.single: expected an array with the Sequence A");
  EXPECT_EQ(refusal("/post_processor", {{"type", "TemplateProcessing"},
                                        {"single", {{{"SpecialToken", {{"id", "<s>"}}}}}}}),
            file +
                "post_processor.special_tokens: key \"<s>\".ids: expected an array of token "
                "ids, found null");
  EXPECT_EQ(refusal("/post_processor", {{"type", "BertProcessing"}, {"cls", {"<s>"}}}),
            file + "post_processor.cls: expected [text, id], found an array");
  EXPECT_EQ(refusal("/model/type", "Unigram"),
            file + "model.type: expected \"BPE\", as GPT-2 has it, found \"Unigram\"");
  EXPECT_EQ(refusal("/model/dropout", 0.1),
            file + "model.dropout: expected null, as GPT-2 has it, found 0.1");
  EXPECT_EQ(refusal("/model/end_of_word_suffix", "</w>"),
            file + "model.end_of_word_suffix: expected \"\", as GPT-2 has it, found \"</w>\"");
  EXPECT_EQ(refusal("/model/unk_token", "<unk>"),
            file + "model.unk_token: \"<unk>\" is not in the vocabulary");
}

TEST(VocabularyTest, RefusesAddedTokensThatItCannotHonour) {
  const std::string where = "dir/tokenizer.json: added_tokens";
  EXPECT_EQ(FastRefusalWith("/added_tokens", {{"a", 1}}),
            where + ": expected an array, found an object");
  EXPECT_EQ(FastRefusalWith("/added_tokens/0", 5),
            where + "[0]: expected an object with a string \"content\", found 5");
  EXPECT_EQ(FastRefusalWith("/added_tokens/0", {{"content", "x"}}),
            where + "[0].id: expected a token id, an integer from 0, found null");
  EXPECT_EQ(FastRefusalWith("/added_tokens/0", {{"content", "x"}, {"id", 300}, {"special", 1}}),
            where + "[0].special: expected true or false, found 1");
  EXPECT_EQ(FastRefusalWith("/added_tokens/0", {{"content", "x"}, {"id", 300}, {"lstrip", 0}}),
            where + "[0].lstrip: expected true or false, found 0");
}

}  // namespace
}  // namespace cascade::model
