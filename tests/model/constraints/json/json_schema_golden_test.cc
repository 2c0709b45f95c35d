// SPDX-License-Identifier: Apache-2.0
// Schemas of the JSON Schema Test Suite and of random structure, against Python's jsonschema
// (tests/golden/constraints).
#include <cstddef>
#include <cstdint>
#include <fstream>
#include <iterator>
#include <memory>
#include <string>
#include <utility>

#include "absl/strings/match.h"
#include "gtest/gtest.h"
#include "model/constraints/automaton.h"
#include "model/constraints/json/json_schema.h"
#include "model/constraints/json/ordered_json.h"
#include "model/constraints/nfa.h"
#include "tests/model/constraints/grammar_matcher.h"
#include "tests/support/source_path.h"
#include "tests/support/status_matchers.h"
#include "tests/support/value_or_die.h"

namespace cascade::model {
namespace {

using testing::IsOk;
using testing::Matches;
using testing::ValueOrDie;

// Parsed once; the test owns it.
OrderedJson Cases() {
  std::ifstream file(testing::SourcePath("tests/golden/constraints/schemas.json"));
  const std::string text(std::istreambuf_iterator<char>(file), {});
  return ValueOrDie(ParseOrderedJson(text));
}

constexpr std::size_t kManySteps = 100'000'000;

struct Counts {
  std::size_t accepted = 0;
  std::size_t valid = 0;
  std::size_t valid_and_written = 0;
  std::size_t invalid = 0;
};

void CheckInstances(const OrderedJson& golden, const Grammar& grammar, Counts& counts) {
  for (const OrderedJson& instance : golden.Find("instances")->elements) {
    const std::string& text = instance.elements[0].text;
    const bool is_valid = instance.elements[1].boolean;
    const bool should_be_written = instance.elements[2].boolean;
    const bool is_written = Matches(grammar, text);
    EXPECT_TRUE(is_valid || !is_written) << "written, and not valid: " << text;
    EXPECT_TRUE(is_written || !should_be_written) << "not written: " << text;
    ++(is_valid ? counts.valid : counts.invalid);
    if (is_valid && is_written) ++counts.valid_and_written;
  }
}

bool Reads(Automaton& automaton, absl::string_view text) {
  automaton.BeginWalk(kManySteps);
  Automaton::State state = automaton.start();
  for (const char byte : text) state = automaton.Next(state, static_cast<std::uint8_t>(byte));
  EXPECT_FALSE(automaton.exhausted());
  return automaton.CanEnd(state);
}

TEST(JsonSchemaGoldenTest, TheAutomatonReadsWhatTheGrammarHas) {
  const OrderedJson cases = Cases();
  for (const OrderedJson& golden : cases.Find("cases")->elements) {
    SCOPED_TRACE(golden.Find("name")->text + ": " + golden.Find("schema")->text);
    const absl::StatusOr<Grammar> grammar = GrammarOfJsonSchema(golden.Find("schema")->text);
    if (!grammar.ok()) continue;
    absl::StatusOr<Nfa> nfa = Nfa::Make(*grammar);
    ASSERT_THAT(nfa, IsOk());
    Automaton automaton(std::make_shared<const Nfa>(*std::move(nfa)), kManySteps);
    for (const OrderedJson& instance : golden.Find("instances")->elements) {
      const std::string& text = instance.elements[0].text;
      EXPECT_EQ(Reads(automaton, text), Matches(*grammar, text)) << text;
    }
  }
}

TEST(JsonSchemaGoldenTest, WhatIsWrittenIsValid) {
  Counts counts;
  const OrderedJson cases = Cases();
  for (const OrderedJson& golden : cases.Find("cases")->elements) {
    SCOPED_TRACE(golden.Find("name")->text + ": " + golden.Find("schema")->text);
    const absl::StatusOr<Grammar> grammar = GrammarOfJsonSchema(golden.Find("schema")->text);
    if (grammar.ok()) {
      ++counts.accepted;
      CheckInstances(golden, *grammar, counts);
    } else {
      EXPECT_TRUE(absl::IsInvalidArgument(grammar.status()));
      EXPECT_TRUE(absl::StartsWith(grammar.status().message(), "at #")) << grammar.status();
    }
  }
  EXPECT_GE(counts.accepted, 600U);
  EXPECT_GE(counts.invalid, 1500U);
  EXPECT_GE(counts.valid_and_written, 1200U);
  RecordProperty("accepted", static_cast<int>(counts.accepted));
  RecordProperty("valid", static_cast<int>(counts.valid));
  RecordProperty("valid_and_written", static_cast<int>(counts.valid_and_written));
  RecordProperty("invalid", static_cast<int>(counts.invalid));
}

}  // namespace
}  // namespace cascade::model
