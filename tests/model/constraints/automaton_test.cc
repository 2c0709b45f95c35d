// SPDX-License-Identifier: Apache-2.0

#include "model/constraints/automaton.h"

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "model/constraints/regex/regex.h"
#include "tests/model/constraints/accepts.h"
#include "tests/support/status_matchers.h"

namespace cascade::model {
namespace {

using ::cascade::testing::Accepts;
using ::cascade::testing::IsInvalid;
using ::cascade::testing::MakeAutomaton;
using ::cascade::testing::StateAfter;

Grammar OfRegex(const std::string& pattern) {
  Grammar grammar;
  grammar.SetStart(testing::ValueOrDie(AddRegex(pattern, grammar)));
  return grammar;
}

// list = "[" (item ("," item)*)? "]"; item = list | "x"
Grammar Lists() {
  Grammar g;
  const Grammar::Rule list = g.AddRule("list");
  const Grammar::Rule item = g.AddRule("item");
  const Grammar::Expression more = g.Repeat(g.Sequence({g.Literal(","), g.Call(item)}), 0);
  g.Define(list, g.Sequence({g.Literal("["), g.Optional(g.Sequence({g.Call(item), more})),
                             g.Literal("]")}));
  g.Define(item, g.Choice({g.Call(list), g.Literal("x")}));
  g.SetStart(g.Call(list));
  return g;
}

TEST(AutomatonTest, RulesCallThemselvesToAnyDepth) {
  Automaton automaton = MakeAutomaton(Lists());
  EXPECT_TRUE(Accepts(automaton, "[]"));
  EXPECT_TRUE(Accepts(automaton, "[x,[x,[]],[[[x]]]]"));
  EXPECT_FALSE(Accepts(automaton, "[x,]"));
  EXPECT_FALSE(Accepts(automaton, "[[]"));
  EXPECT_FALSE(Accepts(automaton, "[]]"));
  std::string deep(5000, '[');
  deep.append(5000, ']');
  EXPECT_TRUE(Accepts(automaton, deep));
  deep.push_back(']');
  EXPECT_FALSE(Accepts(automaton, deep));
}

// A rule that ends with itself needs no memory of where it came from.
TEST(AutomatonTest, ARuleThatEndsWithItselfIsALoop) {
  Grammar g;
  const Grammar::Rule list = g.AddRule("list");
  g.Define(list, g.Choice({g.Sequence({g.Literal("a"), g.Call(list)}), g.Literal("b")}));
  g.SetStart(g.Call(list));
  Automaton automaton = MakeAutomaton(g);
  const std::size_t once = (StateAfter(automaton, "aaa"), automaton.bytes());
  std::string many(1000, 'a');
  EXPECT_EQ(StateAfter(automaton, "aaa"), StateAfter(automaton, many));
  EXPECT_EQ(automaton.bytes(), once);
  many.push_back('b');
  EXPECT_TRUE(Accepts(automaton, many));
}

TEST(AutomatonTest, SaysWhereATextMayAndMustEnd) {
  Automaton automaton = MakeAutomaton(OfRegex("ab?|cd"));
  EXPECT_FALSE(automaton.CanEnd(automaton.start()));
  EXPECT_TRUE(automaton.CanEnd(StateAfter(automaton, "a")));
  EXPECT_FALSE(automaton.MustEnd(StateAfter(automaton, "a")));
  EXPECT_TRUE(automaton.MustEnd(StateAfter(automaton, "ab")));
  EXPECT_TRUE(automaton.MustEnd(StateAfter(automaton, "cd")));
  EXPECT_EQ(StateAfter(automaton, "x"), Automaton::kDead);
  EXPECT_EQ(StateAfter(automaton, "abc"), Automaton::kDead);
  EXPECT_FALSE(automaton.MustEnd(Automaton::kDead));
}

TEST(AutomatonTest, KnowsTheOnlyByte) {
  Automaton automaton = MakeAutomaton(OfRegex("abc|abd"));
  EXPECT_EQ(automaton.OnlyByte(automaton.start()), 'a');
  EXPECT_EQ(automaton.OnlyByte(StateAfter(automaton, "ab")), std::nullopt);
  EXPECT_EQ(automaton.OnlyByte(StateAfter(automaton, "abc")), std::nullopt);
}

// No state is a dead end: what has no text is left out when the machine is made.
TEST(AutomatonTest, PartsWithoutTextsAreNoWays) {
  Grammar g;
  const Grammar::Rule endless = g.AddRule("endless");
  g.Define(endless, g.Sequence({g.Literal("x"), g.Call(endless)}));
  g.SetStart(
      g.Choice({g.Call(endless), g.Sequence({g.Literal("xy"), g.Nothing()}), g.Literal("z")}));
  Automaton automaton = MakeAutomaton(g);
  EXPECT_EQ(StateAfter(automaton, "x"), Automaton::kDead);
  EXPECT_TRUE(Accepts(automaton, "z"));
}

TEST(AutomatonTest, ImportedStatesGoOnAsTheOthers) {
  const auto nfa = std::make_shared<const Nfa>(testing::ValueOrDie(Nfa::Make(Lists())));
  Automaton first(nfa, testing::kPlentyOfSteps);
  const Automaton::State state = StateAfter(first, "[x,[[x],");
  Automaton second(nfa, testing::kPlentyOfSteps);
  Automaton::State imported = second.Import(first, state);
  for (const char byte : std::string("x]]")) {
    EXPECT_FALSE(second.CanEnd(imported));
    imported = second.Next(imported, static_cast<std::uint8_t>(byte));
  }
  EXPECT_TRUE(second.MustEnd(imported));
  EXPECT_EQ(imported, StateAfter(second, "[]"));
}

// What a walk may take does not depend on what was walked before.
TEST(AutomatonTest, AWalkTakesTheSameStepsTheSecondTime) {
  const auto nfa =
      std::make_shared<const Nfa>(testing::ValueOrDie(Nfa::Make(OfRegex("(a|b)*a(a|b){9}"))));
  const auto walk = [](Automaton& automaton, std::size_t steps) {
    automaton.BeginWalk(steps);
    Automaton::State state = automaton.start();
    for (const char byte : std::string("abaabbabaa")) {
      state = automaton.Next(state, static_cast<std::uint8_t>(byte));
    }
    return !automaton.exhausted();
  };
  std::size_t enough = 1;
  while (true) {
    Automaton automaton(nfa, testing::kPlentyOfSteps);
    if (walk(automaton, enough)) break;
    ++enough;
  }
  ASSERT_GT(enough, 10U);
  Automaton automaton(nfa, testing::kPlentyOfSteps);
  EXPECT_FALSE(walk(automaton, enough - 1));
  EXPECT_FALSE(walk(automaton, enough - 1));
  EXPECT_TRUE(walk(automaton, enough));
  EXPECT_FALSE(walk(automaton, enough - 1));
  EXPECT_TRUE(walk(automaton, enough));
}

TEST(NfaTest, RefusesWhatCannotBeAConstraint) {
  Grammar nothing;
  nothing.SetStart(nothing.Sequence({nothing.Literal("a"), nothing.Nothing()}));
  EXPECT_THAT(Nfa::Make(nothing).status(), IsInvalid({"no text can ever"}));
  Grammar undefined;
  undefined.SetStart(undefined.Call(undefined.AddRule("word")));
  EXPECT_THAT(Nfa::Make(undefined).status(), IsInvalid({"\"word\" is not defined"}));
}

TEST(NfaTest, RefusesRulesThatBeginWithThemselves) {
  Grammar direct;
  const Grammar::Rule list = direct.AddRule("list");
  direct.Define(list, direct.Choice({direct.Sequence({direct.Call(list), direct.Literal("a")}),
                                     direct.Literal("b")}));
  direct.SetStart(direct.Call(list));
  EXPECT_THAT(Nfa::Make(direct).status(), IsInvalid({"\"list\" begins with itself"}));

  Grammar hidden;  // behind what may be empty, and by way of another rule
  const Grammar::Rule one = hidden.AddRule("one");
  const Grammar::Rule two = hidden.AddRule("two");
  hidden.Define(
      one, hidden.Choice({hidden.Sequence({hidden.Optional(hidden.Literal("x")), hidden.Call(two)}),
                          hidden.Literal("y")}));
  hidden.Define(two, hidden.Sequence({hidden.Call(one), hidden.Literal("z")}));
  hidden.SetStart(hidden.Call(one));
  EXPECT_THAT(Nfa::Make(hidden).status(), IsInvalid({"begins with itself"}));
}

TEST(NfaTest, RefusesWhatIsTooLarge) {
  for (const std::string pattern :
       {"((a{1,100}){1,100}){1,100}", "(.{0,30}){0,300}x", "a{1000000000}", "[^a]{0,99999999}"}) {
    EXPECT_THAT(Nfa::Make(OfRegex(pattern)).status(), IsInvalid({"too large", "200000"}))
        << pattern;
  }
  // So are parts that make no states, if they are looked at often enough.
  std::string empty_parts;
  std::string impossible;
  for (int i = 0; i < 1000; ++i) {
    empty_parts += "()";
    impossible += "|[^\\s\\S]";
  }
  for (const std::string& parts : {empty_parts, impossible}) {
    EXPECT_THAT(Nfa::Make(OfRegex("(a" + parts + "){90000}")).status(),
                IsInvalid({"too large", "empty ones included"}));
  }
  // Empty alternatives are one.
  EXPECT_THAT(Nfa::Make(OfRegex("(a|||||||||b){1000}")), testing::IsOk());
  // Nothing, however often, is little.
  EXPECT_THAT(Nfa::Make(OfRegex("((){999999999}){999999999}x")), testing::IsOk());
}

}  // namespace
}  // namespace cascade::model
