// SPDX-License-Identifier: Apache-2.0

#include "model/constraints/utf8.h"

#include <algorithm>
#include <optional>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "model/constraints/utf8_ranges.h"

namespace cascade::model {
namespace {

bool IsSurrogate(char32_t c) { return c >= 0xD800 && c <= 0xDFFF; }

TEST(Utf8Test, EveryCharacterComesBack) {
  for (char32_t c = 0; c <= kLastCodePoint; ++c) {
    if (IsSurrogate(c)) continue;
    ASSERT_EQ(DecodeUtf8(EncodeUtf8(c)), std::u32string(1, c)) << static_cast<unsigned>(c);
  }
}

TEST(Utf8Test, RefusesWhatIsNotUtf8) {
  for (const std::string text : {"\x80", "\xc3", "\xc0\xaf", "\xe0\x80\x80", "\xed\xa0\x80",
                                 "\xf4\x90\x80\x80", "\xf8\x88\x80\x80\x80", "a\xc3("}) {
    EXPECT_EQ(DecodeUtf8(text), std::nullopt) << text;
  }
}

// How many of the sequences a character's bytes belong to.
std::size_t CountMatches(const std::vector<Utf8Sequence>& sequences, char32_t c) {
  const std::string bytes = EncodeUtf8(c);
  return static_cast<std::size_t>(
      std::ranges::count_if(sequences, [&bytes](const Utf8Sequence& sequence) {
        if (sequence.size() != bytes.size()) return false;
        for (std::size_t i = 0; i < bytes.size(); ++i) {
          if (!sequence[i][static_cast<unsigned char>(bytes[i])]) return false;
        }
        return true;
      }));
}

// All that could be made of a sequence's bytes.
std::size_t CountTexts(const std::vector<Utf8Sequence>& sequences) {
  std::size_t all = 0;
  for (const Utf8Sequence& sequence : sequences) {
    std::size_t texts = 1;
    for (const ByteSet& bytes : sequence) texts *= bytes.count();
    all += texts;
  }
  return all;
}

TEST(Utf8RangesTest, SequencesAreTheRangesCharactersEachOnce) {
  const std::vector<std::vector<CodePointRange>> all = {
      {{0, kLastCodePoint}}, {{0x7E, 0x81}}, {{0x7FF, 0x801}},   {{0xD000, 0xE001}},
      {{0xFFFE, 0x10001}},   {{'a', 'z'}},   {{0x123, 0x10F00}}, {{5, 5}, {3, 7}, {0x400, 0x4FF}},
      {{0x10FFFF, 0x110005}}};
  for (const std::vector<CodePointRange>& ranges : all) {
    const std::vector<Utf8Sequence> sequences = Utf8Sequences(ranges);
    std::size_t characters = 0;
    for (char32_t c = 0; c <= kLastCodePoint; ++c) {
      if (IsSurrogate(c)) continue;
      const bool is_in = std::ranges::any_of(
          ranges, [c](const CodePointRange& range) { return range.first <= c && c <= range.last; });
      characters += is_in ? 1 : 0;
      if (c % 97 == 0 || is_in) {
        ASSERT_EQ(CountMatches(sequences, c), is_in ? 1U : 0U) << static_cast<unsigned>(c);
      }
    }
    EXPECT_EQ(CountTexts(sequences), characters);  // and nothing that is not UTF-8
  }
}

TEST(Utf8RangesTest, AComplementIsTheRest) {
  const std::vector<CodePointRange> ranges = {{'a', 'f'}, {0, 9}, {0xD700, 0xE100}};
  const std::vector<CodePointRange> rest = Complement(ranges);
  for (char32_t c = 0; c <= kLastCodePoint; ++c) {
    if (IsSurrogate(c)) continue;
    const auto has = [c](const CodePointRange& range) {
      return range.first <= c && c <= range.last;
    };
    ASSERT_NE(std::ranges::any_of(ranges, has), std::ranges::any_of(rest, has));
  }
  EXPECT_TRUE(Complement(std::vector<CodePointRange>{{0, kLastCodePoint}}).empty());
}

}  // namespace
}  // namespace cascade::model
