// SPDX-License-Identifier: Apache-2.0

#include "model/generation/stop_matcher.h"

#include <algorithm>
#include <optional>
#include <random>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "gtest/gtest.h"

namespace cascade::model {
namespace {

using Strings = std::vector<std::string>;

TEST(StopMatcherTest, WithoutStopStringsNothingIsHeld) {
  StopMatcher matcher({});
  EXPECT_EQ(matcher.Push("any text").text, "any text");
  EXPECT_EQ(matcher.Flush(), "");
}

TEST(StopMatcherTest, TextEndsRightBeforeTheStopString) {
  StopMatcher matcher({"END"});
  const StopMatcher::Result result = matcher.Push("the END of it");
  EXPECT_EQ(result.text, "the ");
  EXPECT_EQ(result.stop, "END");
}

TEST(StopMatcherTest, FindsAStopStringAcrossPieces) {
  StopMatcher matcher({"\n\nQ:"});
  EXPECT_EQ(matcher.Push("an answer\n").text, "an answer");
  EXPECT_EQ(matcher.Push("\n").text, "");
  EXPECT_EQ(matcher.Push("Q").text, "");
  const StopMatcher::Result result = matcher.Push(": next");
  EXPECT_EQ(result.text, "");
  EXPECT_EQ(result.stop, "\n\nQ:");
}

TEST(StopMatcherTest, WhatCannotBeAStopStringAnyMoreIsSent) {
  StopMatcher matcher({"aab"});
  EXPECT_EQ(matcher.Push("aa").text, "");
  EXPECT_EQ(matcher.Push("a").text, "a") << "the last two may still begin it";
  EXPECT_EQ(matcher.Push("c").text, "aac");
  EXPECT_EQ(matcher.Flush(), "");
}

TEST(StopMatcherTest, FlushGivesBackWhatWasHeld) {
  StopMatcher matcher({"stop"});
  EXPECT_EQ(matcher.Push("non-sto").text, "non-");
  EXPECT_EQ(matcher.Flush(), "sto");
}

TEST(StopMatcherTest, TheEarliestEndWins) {
  StopMatcher matcher({"abcdef", "cd"});
  const StopMatcher::Result result = matcher.Push("abcdef");
  EXPECT_EQ(result.text, "ab");
  EXPECT_EQ(result.stop, "cd");
}

TEST(StopMatcherTest, OfEqualEndsTheLongestWins) {
  for (const Strings& stop : {Strings{"cd", "abcd", "d"}, Strings{"d", "cd", "abcd"}}) {
    StopMatcher matcher(stop);
    const StopMatcher::Result result = matcher.Push("xabcd");
    EXPECT_EQ(result.text, "x");
    EXPECT_EQ(result.stop, "abcd");
  }
}

TEST(StopMatcherTest, EmptyPiecesChangeNothing) {
  StopMatcher matcher({"ab"});
  EXPECT_EQ(matcher.Push("a").text, "");
  EXPECT_EQ(matcher.Push("").text, "");
  EXPECT_EQ(matcher.Push("b").stop, "ab");
}

TEST(StopMatcherTest, OnlyWholeCharactersAreHeld) {
  StopMatcher matcher({"é!"});
  EXPECT_EQ(matcher.Push("caf\u00e8").text, "caf\u00e8") << "shares é's first byte only";
  EXPECT_EQ(matcher.Push("caf\u00e9").text, "caf");
}

// By trying every string at every place.
struct NaiveSearch {
  NaiveSearch(const Strings& stop, const std::string& text) : before(text) {
    for (std::size_t end = 1; end <= text.size() && !match; ++end) {
      for (const std::string& s : stop) {
        if (!absl::EndsWith(text.substr(0, end), s)) continue;
        if (!match || s.size() > match->size()) match = s;
      }
      if (match) before = text.substr(0, end - match->size());
    }
  }

  std::optional<std::string> match;
  std::string before;
};

// The longest end of `text` with which a stop string begins.
std::size_t LongestHold(const Strings& stop, const std::string& text) {
  std::size_t hold = 0;
  for (const std::string& s : stop) {
    for (std::size_t n = 1; n < s.size(); ++n) {
      if (absl::EndsWith(text, s.substr(0, n))) hold = std::max(hold, n);
    }
  }
  return hold;
}

class RandomText {
 public:
  explicit RandomText(unsigned seed) : random_(seed) {}

  std::size_t Below(std::size_t n) { return random_() % n; }

  // Of few letters, so that there are many near misses.
  std::string Text(std::size_t length) {
    std::string text;
    while (text.size() < length) text += static_cast<char>('a' + Below(2));
    return text;
  }

 private:
  std::mt19937 random_;
};

TEST(StopMatcherTest, AnyCutOfTheTextGivesWhatASearchOfTheWholeFinds) {
  RandomText random(1);
  int matches = 0;
  for (int round = 0; round < 5000; ++round) {
    Strings stop(random.Below(4));
    for (std::string& s : stop) s = random.Text(1 + random.Below(9));
    const std::string text = random.Text(random.Below(60));
    const NaiveSearch expected(stop, text);

    StopMatcher matcher(stop);
    StopMatcher::Result result;
    std::string sent;
    for (std::size_t at = 0; at < text.size() && !result.stop;) {
      const std::size_t length = 1 + random.Below(5);
      result = matcher.Push(absl::string_view(text).substr(at, length));
      at = std::min(at + length, text.size());
      sent += result.text;
      if (result.stop) continue;
      ASSERT_EQ(sent.size(), at - LongestHold(stop, text.substr(0, at))) << "no more is held";
    }
    if (!result.stop) sent += matcher.Flush();
    ASSERT_EQ(result.stop, expected.match) << text;
    ASSERT_EQ(sent, expected.before) << text;
    matches += result.stop ? 1 : 0;
  }
  EXPECT_GT(matches, 1000) << "the test would show nothing";
  EXPECT_LT(matches, 4000);
}

TEST(StopMatcherTest, AMatchThatIsPassedOverMayOverlapTheNextOne) {
  StopMatcher matcher({"aba"});
  EXPECT_EQ(matcher.Push("xaba", StopMatcher::Matches::kPassOver).text, "xab");
  const StopMatcher::Result result = matcher.Push("bac");
  EXPECT_EQ(result.text, "");
  EXPECT_EQ(result.stop, "aba");
}

}  // namespace
}  // namespace cascade::model
