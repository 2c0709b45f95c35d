// SPDX-License-Identifier: Apache-2.0

#include "model/constraints/regex/regex.h"

#include <fstream>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "nlohmann/json.hpp"
#include "tests/model/constraints/accepts.h"
#include "tests/support/source_path.h"
#include "tests/support/status_matchers.h"

namespace cascade::model {
namespace {

using ::cascade::testing::Accepts;
using ::cascade::testing::IsInvalid;
using ::cascade::testing::MakeAutomaton;
using ::cascade::testing::SourcePath;

Grammar GrammarOf(const std::string& pattern, RegexMatch match = RegexMatch::kWhole) {
  Grammar grammar;
  grammar.SetStart(testing::ValueOrDie(AddRegex(pattern, grammar, match)));
  return grammar;
}

bool Matches(const std::string& pattern, const std::string& text,
             RegexMatch match = RegexMatch::kWhole) {
  Automaton automaton = MakeAutomaton(GrammarOf(pattern, match));
  return Accepts(automaton, text);
}

absl::Status ErrorOf(const std::string& pattern) {
  Grammar grammar;
  return AddRegex(pattern, grammar).status();
}

// 1,000 random patterns and 11,000 texts, judged by Python's re (make_regexes.py).
TEST(RegexTest, AgreesWithPython) {
  std::ifstream file(SourcePath("tests/golden/constraints/regexes.json"));
  const nlohmann::json golden = nlohmann::json::parse(file);
  ASSERT_EQ(golden["cases"].size(), 1000U);
  for (const nlohmann::json& each : golden["cases"]) {
    const std::string pattern = each["pattern"];
    Automaton automaton = MakeAutomaton(GrammarOf(pattern));
    for (const std::string text : each["accepted"]) {
      EXPECT_TRUE(Accepts(automaton, text)) << pattern << " and " << text;
    }
    for (const std::string text : each["refused"]) {
      EXPECT_FALSE(Accepts(automaton, text)) << pattern << " and " << text;
    }
  }
}

TEST(RegexTest, ASpecialCharacterInAClassIsACharacter) {
  EXPECT_TRUE(Matches("[]a]+", "]a"));
  EXPECT_FALSE(Matches("[^]a]", "]"));
  EXPECT_TRUE(Matches("[a-]+", "a-"));
  EXPECT_TRUE(Matches("[.$|(]", "|"));
  EXPECT_TRUE(Matches("[\\]\\-]+", "]-"));
  EXPECT_TRUE(Matches("[\\b]", "\b"));
}

TEST(RegexTest, ABraceThatBeginsNoCountIsACharacter) {
  EXPECT_TRUE(Matches("a{", "a{"));
  EXPECT_TRUE(Matches("{}", "{}"));
  EXPECT_TRUE(Matches("a{,}", "a{,}"));
  EXPECT_TRUE(Matches("x{1,2", "x{1,2"));
}

TEST(RegexTest, CommentsAreNothing) { EXPECT_TRUE(Matches("a(?#b*)c", "ac")); }

TEST(RegexTest, SearchesWhereAnchorsLeaveItOpen) {
  constexpr RegexMatch kSomewhere = RegexMatch::kSomewhere;
  EXPECT_TRUE(Matches("b", "abc", kSomewhere));
  EXPECT_TRUE(Matches("b", "a\nb\nc", kSomewhere));
  EXPECT_TRUE(Matches("^b", "bc", kSomewhere));
  EXPECT_FALSE(Matches("^b", "ab", kSomewhere));
  EXPECT_TRUE(Matches("b$", "ab", kSomewhere));
  EXPECT_FALSE(Matches("b$", "bc", kSomewhere));
  EXPECT_TRUE(Matches("^a|b$", "ax", kSomewhere));
  EXPECT_TRUE(Matches("^a|b$", "xb", kSomewhere));
  EXPECT_FALSE(Matches("^a|b$", "xax", kSomewhere));
}

TEST(RegexTest, ErrorsSayWhereAndWhat) {
  EXPECT_THAT(ErrorOf("ab("), IsInvalid({"at character 3", "no closing )"}));
  EXPECT_THAT(ErrorOf("ab)"), IsInvalid({"at character 3", "closes no group"}));
  EXPECT_THAT(ErrorOf("[ab"), IsInvalid({"no closing ]"}));
  EXPECT_THAT(ErrorOf("[z-a]"), IsInvalid({"a range goes from"}));
  EXPECT_THAT(ErrorOf("[\\d-a]"), IsInvalid({"a range goes from"}));
  EXPECT_THAT(ErrorOf("*a"), IsInvalid({"at character 1", "nothing that * could repeat", "\\*"}));
  EXPECT_THAT(ErrorOf("a**"), IsInvalid({"two quantifiers"}));
  EXPECT_THAT(ErrorOf("a{3}{2}"), IsInvalid({"two quantifiers"}));
  EXPECT_THAT(ErrorOf("a{3,2}"), IsInvalid({"the least count"}));
  EXPECT_THAT(ErrorOf("a++"), IsInvalid({"possessive"}));
  EXPECT_THAT(ErrorOf("(?=a)"), IsInvalid({"look-around"}));
  EXPECT_THAT(ErrorOf("(?<!a)"), IsInvalid({"look-around"}));
  EXPECT_THAT(ErrorOf("(a)\\1"), IsInvalid({"backreferences"}));
  EXPECT_THAT(ErrorOf("(?P=x)"), IsInvalid({"groups that begin with (?"}));
  EXPECT_THAT(ErrorOf("a(?i)b"), IsInvalid({"groups that begin with (?"}));
  EXPECT_THAT(ErrorOf("(?im)b"), IsInvalid({"only i and s"}));
  EXPECT_THAT(ErrorOf("\\bx"), IsInvalid({"\\b is not supported"}));
  EXPECT_THAT(ErrorOf("a^b"), IsInvalid({"anchors"}));
  EXPECT_THAT(ErrorOf("a$b"), IsInvalid({"at the end of the pattern alone"}));
  EXPECT_THAT(ErrorOf("\\p{L}"), IsInvalid({"the escape \\p"}));
  EXPECT_THAT(ErrorOf("\\x4"), IsInvalid({"2 hexadecimal digits"}));
  EXPECT_THAT(ErrorOf("\\ud800"), IsInvalid({"no Unicode character"}));
  EXPECT_THAT(ErrorOf("\\012"), IsInvalid({"octal"}));
  EXPECT_THAT(ErrorOf("a\\"), IsInvalid({"what it escapes"}));
  EXPECT_THAT(ErrorOf("\xff"), IsInvalid({"UTF-8"}));
  EXPECT_THAT(ErrorOf(std::string(101, '(') + std::string(101, ')')),
              IsInvalid({"nest deeper than 100"}));
}

}  // namespace
}  // namespace cascade::model
