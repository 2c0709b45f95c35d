// SPDX-License-Identifier: Apache-2.0

#include "model/tokenizer/word_pattern.h"

#include <cstdint>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/model/tokenizer/golden.h"

namespace cascade::model {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

class WordPatternTest : public ::testing::Test {
 protected:
  std::vector<std::string> Words(absl::string_view text) const {
    std::vector<std::string> words;
    const absl::Status split =
        pattern_.Split(text, [&](absl::string_view word) { words.emplace_back(word); });
    EXPECT_TRUE(split.ok()) << split;
    return words;
  }

  WordPattern pattern_ = WordPattern::Compile().value();
};

std::string Utf8(std::uint32_t code_point) {
  std::string bytes;
  const auto continuation = [&](int shift) {
    bytes.push_back(static_cast<char>(0x80U | ((code_point >> shift) & 0x3fU)));
  };
  if (code_point < 0x80) {
    bytes.push_back(static_cast<char>(code_point));
  } else if (code_point < 0x800) {
    bytes.push_back(static_cast<char>(0xc0U | code_point >> 6));
  } else if (code_point < 0x10000) {
    bytes.push_back(static_cast<char>(0xe0U | code_point >> 12));
    continuation(6);
  } else {
    bytes.push_back(static_cast<char>(0xf0U | code_point >> 18));
    continuation(12);
    continuation(6);
  }
  if (code_point >= 0x80) continuation(0);
  return bytes;
}

TEST_F(WordPatternTest, CutsWordsNumbersAndPunctuationApart) {
  EXPECT_THAT(Words(""), IsEmpty());
  EXPECT_THAT(Words("Hello world, 42!?"), ElementsAre("Hello", " world", ",", " 42", "!?"));
  EXPECT_THAT(Words("it's they'LL"), ElementsAre("it", "'s", " they", "'", "LL"));
}

TEST_F(WordPatternTest, LeavesTheLastSpaceOfARunToTheWord) {
  EXPECT_THAT(Words("a   b"), ElementsAre("a", "  ", " b"));
  EXPECT_THAT(Words("a\n\nb"), ElementsAre("a", "\n", "\n", "b"));
  EXPECT_THAT(Words("a  "), ElementsAre("a", "  "));
}

TEST_F(WordPatternTest, ABadByteIsNeitherLetterNumberNorSpace) {
  EXPECT_THAT(Words("a\xff"
                    "b \x80\xe4\xb8 1\xc2"),
              ElementsAre("a", "\xff", "b", " \x80\xe4\xb8", " 1", "\xc2"));
  EXPECT_THAT(Words("\xed\xa0\x80\xc3\xa9"), ElementsAre("\xed\xa0\x80", "\xc3\xa9"));
}

// A character's class shows in what it forms one word with: 'a', '1' or '!'.
TEST_F(WordPatternTest, EveryCharacterHasTheReferencesClass) {
  std::size_t characters = 0;
  for (const nlohmann::json& line : testing::ReadGolden("classes.jsonl")) {
    const std::string name = line["class"];
    for (const nlohmann::json& range : line["ranges"]) {
      for (auto code_point = range[0].get<std::uint32_t>(); code_point <= range[1]; ++code_point) {
        const std::string character = Utf8(code_point);
        ASSERT_EQ(Words("a" + character).size() == 1, name == "letter") << name << code_point;
        ASSERT_EQ(Words("1" + character).size() == 1, name == "number") << name << code_point;
        ASSERT_EQ(Words("!" + character).size() == 1, name == "other") << name << code_point;
        ++characters;
      }
    }
  }
  EXPECT_GT(characters, 280000U);  // Unicode 14 has some 144,700, private use 137,468
}

}  // namespace
}  // namespace cascade::model
