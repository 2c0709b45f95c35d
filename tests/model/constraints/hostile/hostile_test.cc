// SPDX-License-Identifier: Apache-2.0
// What someone might send to make a server slow or large is refused, or simply works. How long each
// takes, and how much memory, constraint_bench measures: no test depends on a clock.
#include <algorithm>
#include <cstddef>
#include <limits>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "model/constraints/constraint.h"
#include "model/constraints/constraint_spec.h"
#include "model/generation/vocabulary_trie.h"
#include "model/tokenizer/tokenizer.h"
#include "tests/model/constraints/hostile/hostile_inputs.h"
#include "tests/support/source_path.h"
#include "tests/support/status_matchers.h"
#include "tests/support/value_or_die.h"

namespace cascade::model {
namespace {

using ::cascade::testing::HostileInput;
using ::cascade::testing::ValueOrDie;

constexpr std::size_t kSteps = 30;
constexpr std::size_t kLongestMessage = 1024;

void ExpectRefusal(const absl::Status& status) {
  EXPECT_TRUE(absl::IsInvalidArgument(status)) << status;
  EXPECT_LT(status.message().size(), kLongestMessage);
  EXPECT_FALSE(status.message().empty());
}

// A random token of those that `mask` allows.
TokenId Choose(const TokenMask& mask, std::size_t vocab_size, std::mt19937& random) {
  std::vector<float> logits(vocab_size, 0.0F);
  mask.Apply(logits, {});
  std::vector<TokenId> allowed;
  for (std::size_t id = 0; id < vocab_size; ++id) {
    if (logits[id] == 0.0F) allowed.push_back(static_cast<TokenId>(id));
  }
  EXPECT_EQ(allowed.size(), mask.size());
  return allowed[random() % allowed.size()];
}

void Walk(const std::shared_ptr<Constraint>& constraint, std::mt19937& random) {
  ConstraintCursor cursor(constraint);
  for (std::size_t step = 0; step < kSteps && !cursor.MustEnd(); ++step) {
    const absl::StatusOr<const TokenMask*> allowed = cursor.Allowed();
    if (!allowed.ok()) {
      ExpectRefusal(allowed.status());
      return;
    }
    // GPT-2's vocabulary has every byte, so there is a way on.
    ASSERT_FALSE((*allowed)->empty());
    cursor.Append(Choose(**allowed, cursor.vocab_size(), random));
  }
}

TEST(HostileTest, IsRefusedOrWorks) {
  const Tokenizer tokenizer =
      ValueOrDie(Tokenizer::Load(cascade::testing::SourcePath("tests/golden/tokenizer/gpt2")));
  const TokenTrie trie = MakeTokenTrie(tokenizer, tokenizer.vocab_size());
  const std::vector<HostileInput> inputs = cascade::testing::HostileInputs();
  EXPECT_GE(inputs.size(), 300U);
  std::mt19937 random(11);
  std::size_t accepted = 0;
  std::size_t tried = 0;
  for (std::size_t i = 0; i < inputs.size(); i += CASCADE_HOSTILE_EVERY) {
    ++tried;
    const HostileInput& input = inputs[i];
    SCOPED_TRACE(input.name);
    EXPECT_LE(input.spec.text.size(), cascade::testing::kMostHostileBytes);
    const absl::StatusOr<Grammar> grammar = GrammarOf(input.spec);
    if (!grammar.ok()) {
      ExpectRefusal(grammar.status());
      continue;
    }
    const absl::StatusOr<std::shared_ptr<Constraint>> constraint = Constraint::Make(*grammar, trie);
    if (!constraint.ok()) {
      ExpectRefusal(constraint.status());
      continue;
    }
    ++accepted;
    Walk(*constraint, random);
  }
  // Most of what is small, however odd, is no reason to refuse it.
  EXPECT_GE(accepted, tried / 5);
  RecordProperty("inputs", static_cast<int>(inputs.size()));
  RecordProperty("accepted", static_cast<int>(accepted));
}

}  // namespace
}  // namespace cascade::model
