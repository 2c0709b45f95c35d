// SPDX-License-Identifier: Apache-2.0

#include "model/constraints/ebnf/ebnf.h"

#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "tests/model/constraints/grammar_matcher.h"
#include "tests/support/status_matchers.h"

namespace cascade::model {
namespace {

using testing::IsInvalid;
using testing::IsOk;
using testing::Matches;

// Of `texts`, those that the grammar has.
std::vector<std::string> Written(absl::string_view text, const std::vector<std::string>& texts) {
  const absl::StatusOr<Grammar> grammar = GrammarOfEbnf(text);
  EXPECT_THAT(grammar, IsOk()) << text;
  std::vector<std::string> written;
  if (!grammar.ok()) return written;
  for (const std::string& one : texts) {
    if (Matches(*grammar, one)) written.push_back(one);
  }
  return written;
}

void ExpectAll(absl::string_view text, const std::vector<std::string>& texts) {
  EXPECT_EQ(Written(text, texts), texts) << text;
}

void ExpectNone(absl::string_view text, const std::vector<std::string>& texts) {
  EXPECT_EQ(Written(text, texts), std::vector<std::string>()) << text;
}

void ExpectRefused(absl::string_view text, std::vector<std::string> parts) {
  EXPECT_THAT(GrammarOfEbnf(text), IsInvalid(std::move(parts))) << text;
}

// ---- GBNF.

TEST(GbnfTest, AListOfMovesIsRead) {
  constexpr absl::string_view kMoves = R"gbnf(
# A game of chess.
root   ::= (
    # the number of the move, then both moves
    [1-9] [0-9]? ". " move " " move "\n"
)+
move   ::= (pawn | non-pawn | castle) [+#]?
pawn     ::= ([a-h] "x")? [a-h] [1-8]
non-pawn ::= [NBKQR] "x"? [a-h] [1-8]
castle   ::= "O-O" "-O"?
)gbnf";
  ExpectAll(kMoves, {"1. e4 e5\n", "1. e4 Nxc6+\n2. O-O O-O-O#\n"});
  ExpectNone(kMoves, {"", "1. e4 e5", "0. e4 e5\n", "1. e9 e5\n"});
}

TEST(GbnfTest, EscapesAreCharacters) {
  ExpectAll(R"(root ::= "\"\\\n\t\x41\u00e9\U0001F600" [\]\-\x61])",
            {"\"\\\n\tAé😀]", "\"\\\n\tAé😀-", "\"\\\n\tAé😀a"});
}

TEST(GbnfTest, ClassesHaveRangesAndComplements) {
  ExpectAll("root ::= [a-cé-]", {"a", "c", "é", "-"});
  ExpectNone("root ::= [a-cé-]", {"d", "", "ab"});
  ExpectAll("root ::= [^a-c]", {"d", "日", "\n"});
  ExpectNone("root ::= [^a-c]", {"a", "\xFF"});
  ExpectAll("root ::= . .", {"aé", "\n😀"});
}

TEST(GbnfTest, QuantifiersCount) {
  ExpectAll(R"(root ::= "ab"{2} "c"{1,} "d"{0,2} "e"{,1} "f"*)",
            {"ababc", "ababcccdde", "ababcff"});
  ExpectNone(R"(root ::= "ab"{2} "c"{1,} "d"{0,2} "e"{,1} "f"*)", {"abc", "abab", "ababcddd"});
  ExpectRefused(R"(root ::= "a"{3,2})", {"line 1", "count"});
  ExpectRefused(R"(root ::= "a"{})", {"expected a count"});
}

TEST(GbnfTest, AlternativesMayBeEmptyAndOnLinesOfTheirOwn) {
  ExpectAll("root ::= \"a\" tail\n  | \"b\"\ntail ::= | \"!\"", {"a", "a!", "b"});
}

TEST(GbnfTest, RulesMayCallThemselves) {
  ExpectAll("root ::= \"(\" root? \")\"", {"()", "((()))"});
  ExpectNone("root ::= \"(\" root? \")\"", {"", "(()", "())"});
}

TEST(GbnfTest, ErrorsNameLineAndColumn) {
  ExpectRefused("root ::= \"a\"\n  other", {"line 2, column 3", "\"other\" is not defined"});
  ExpectRefused("root ::= \"a\"\nroot ::= \"b\"", {"line 2, column 1", "second time"});
  ExpectRefused("rot ::= \"a\"", {"\"root\"", "there is none"});
  ExpectRefused("root ::= \"a", {"line 1, column 10", "closing quote"});
  ExpectRefused("root ::= [a", {"line 1, column 10", "]"});
  ExpectRefused("root ::= (\"a\"", {"line 1, column 14", "expected )", "the end of the grammar"});
  ExpectRefused("root ::= \"a\")", {"line 1, column 13", "no group is open"});
  ExpectRefused("root ::= \"\\q\"", {"line 1, column 11", "expected an escape"});
  ExpectRefused("root ::= \"\\ud800\"", {"expected the code of a Unicode character"});
  ExpectRefused("root ::= [z-a]", {"later one"});
  ExpectRefused("root ::= $", {"line 1, column 10", "found \"$\""});
  ExpectRefused("root ::= *", {"line 1, column 10", "found \"*\""});
  ExpectRefused(absl::StrCat("root ::= ", std::string(101, '('), "\"a\"", std::string(101, ')')),
                {"nest deeper than 100"});
}

// ---- Lark.

TEST(LarkTest, ACalculatorIsRead) {
  constexpr absl::string_view kSums = R"lark(
// Sums of products.
?start: sum -> result
sum: product (("+"|"-") product)*
product.2: atom ("*" atom)*      # a priority changes nothing
atom: NUMBER | "(" sum ")"
%import common.NUMBER
)lark";
  ExpectAll(kSums, {"1", "1+2*3", "(1-2.5)*4e5"});
  ExpectNone(kSums, {"", "1+", "(1", "1 + 2", "+1"});
}

TEST(LarkTest, TextsAndPatternsMayIgnoreCase) {
  ExpectAll("start: \"yes\"i /no+/i", {"yesno", "YesNOo", "YESno"});
  ExpectNone("start: \"yes\" /no/", {"Yesno", "yesNo"});
  ExpectAll("start: /[a-z]{2}\\/\\d/ /./s", {"ab/1x", "zz/9\n"});
}

TEST(LarkTest, RangesOptionalsAndCounts) {
  constexpr absl::string_view kGrammar = R"(start: "a".."c" ["-" | "+"] "x"~2 "y"~1..3 "z"?)";
  ExpectAll(kGrammar, {"axxy", "b-xxyyy", "c+xxyz"});
  ExpectNone(kGrammar, {"dxxy", "axy", "axxyyyy", "a-+xxy"});
  ExpectRefused("start: \"a\"~3..2", {"count"});
  ExpectRefused("start: \"c\"..\"a\"", {"line 1, column 8", "later one"});
}

TEST(LarkTest, DefinitionsMayBeginWithAQuestionMark) {
  ExpectAll("start: a b\n?a: \"x\"\n!b: \"y\"\n  | \"z\"", {"xy", "xz"});
  ExpectAll("start: \"a\" ?\nB: \"b\"", {"a", ""});
}

TEST(LarkTest, CommonTerminalsAreImported) {
  ExpectAll(
      "start: WS WORD STR INT\n%import common (WS, WORD, INT)\n"
      "%import common.ESCAPED_STRING -> STR",
      {" ab\"x\\\"y\"12", "\n\tab\"\"3"});
  ExpectRefused("start: X\n%import common.X", {"line 2, column 16", "ESCAPED_STRING"});
  ExpectRefused("start: X\n%import python.X", {"line 2", "common"});
}

TEST(LarkTest, WhatIsNotSupportedSaysSo) {
  ExpectRefused("start: \"a\"\n%ignore \" \"", {"line 2, column 1", "%ignore is not supported"});
  ExpectRefused("start: \"a\"\n%declare X", {"line 2, column 1", "directives"});
  ExpectRefused("start: list{\"a\"}", {"line 1, column 12", "templates"});
  ExpectRefused("start: /a/x", {"flags"});
  ExpectRefused("start: /a(?=b)/", {"line 1, column 8", "look-around"});
}

TEST(LarkTest, ErrorsNameLineAndColumn) {
  ExpectRefused("start: a", {"line 1, column 8", "\"a\" is not defined"});
  ExpectRefused("a: \"b\"", {"\"start\"", "there is none"});
  ExpectRefused("start: \"a\"\nstart: \"b\"", {"line 2, column 1", "second time"});
  ExpectRefused("start: /a", {"line 1, column 8", "closing slash"});
  ExpectRefused("start: [\"a\")", {"line 1, column 12", "expected ]"});
  ExpectRefused("start: \"a\" -> ", {"expected a name after ->"});
}

TEST(EbnfTest, AnotherNotationIsRefused) {
  ExpectRefused("", {"line 1, column 1", "::=", "the end of the grammar"});
  ExpectRefused("root = \"a\" ;", {"line 1, column 6", "::=", "found \"=\""});
  ExpectRefused("\xFF", {"UTF-8"});
}

}  // namespace
}  // namespace cascade::model
