// SPDX-License-Identifier: Apache-2.0

#include "model/constraints/constraint.h"

#include <algorithm>
#include <limits>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "model/constraints/constrained_tokens.h"
#include "model/constraints/constraint_spec.h"
#include "model/constraints/token_mask.h"
#include "model/constraints/token_trie.h"
#include "tests/model/constraints/accepts.h"
#include "tests/support/status_matchers.h"
#include "tests/support/value_or_die.h"

namespace cascade::model {
namespace {

using ::cascade::testing::IsInvalid;
using ::cascade::testing::ValueOrDie;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr float kExcluded = -std::numeric_limits<float>::infinity();

// The 256 bytes, and longer tokens: random ones of few letters, one of them twice.
std::vector<std::string> MakeVocabulary(std::size_t longer) {
  std::mt19937 random(7);
  std::vector<std::string> tokens;
  for (int byte = 0; byte < 256; ++byte) tokens.emplace_back(1, static_cast<char>(byte));
  for (std::size_t i = 0; i < longer; ++i) {
    std::string token;
    const std::size_t length = 2 + random() % 6;
    while (token.size() < length) token.push_back("abcd,[]\" \xc3\xa9"[random() % 11]);
    tokens.push_back(token);
  }
  tokens.push_back(tokens.back());
  tokens.emplace_back();  // such as a special token
  return tokens;
}

Grammar GrammarOfRegex(const std::string& pattern) {
  ConstraintSpec spec;
  spec.text = pattern;
  return ValueOrDie(GrammarOf(spec));
}

class ConstraintTest : public ::testing::Test {
 protected:
  std::shared_ptr<Constraint> Make(const std::string& regex) const {
    return ValueOrDie(TryMake(regex));
  }
  absl::StatusOr<std::shared_ptr<Constraint>> TryMake(const std::string& regex) const {
    return Constraint::Make(GrammarOfRegex(regex), trie_);
  }

  // The tokens that a cursor allows, ascending.
  std::vector<TokenId> Allowed(ConstraintCursor& cursor) const {
    std::vector<float> logits(vocabulary_.size(), 1.0F);
    ValueOrDie(cursor.Allowed())->Apply(logits, {});
    std::vector<TokenId> allowed;
    for (std::size_t id = 0; id < logits.size(); ++id) {
      if (logits[id] != kExcluded) allowed.push_back(static_cast<TokenId>(id));
    }
    return allowed;
  }

  TokenId IdOf(const std::string& token) const {
    for (std::size_t id = 0; id < vocabulary_.size(); ++id) {
      if (vocabulary_[id] == token) return static_cast<TokenId>(id);
    }
    ADD_FAILURE() << token;
    return 0;
  }

  const std::vector<std::string> vocabulary_ = MakeVocabulary(600);
  const TokenTrie trie_{std::vector<absl::string_view>(vocabulary_.begin(), vocabulary_.end())};
};

TEST_F(ConstraintTest, TheTrieHasEveryTokenOnce) {
  std::vector<std::size_t> seen(vocabulary_.size());
  std::string path;
  for (std::size_t i = 0; i < trie_.nodes().size(); ++i) {
    const TokenTrie::Node& node = trie_.nodes()[i];
    path.resize(node.depth - 1U);
    path.push_back(static_cast<char>(node.byte));
    for (const TokenId token : trie_.tokens(i)) {
      EXPECT_EQ(vocabulary_[token], path);
      ++seen[token];
    }
    EXPECT_GT(node.end, i);
  }
  for (std::size_t id = 0; id < seen.size(); ++id) {
    EXPECT_EQ(seen[id], vocabulary_[id].empty() ? 0U : 1U) << id;
  }
}

// Tokens are allowed if and only if the text with them is the beginning of a text of the grammar,
// found out byte by byte.
TEST_F(ConstraintTest, AllowsExactlyTheTokensThatGoOn) {
  std::mt19937 random(1);
  for (const std::string pattern : {"[a-d]*", "(ab|cd)*,[^\"]*", "\"(a|b|\xc3\xa9)+\"", "a{3,9}b",
                                    "([ab][cd])*|\\[\\]", "(a|ab|abc)*d", "..*"}) {
    const std::shared_ptr<Constraint> constraint = Make(pattern);
    Automaton bytes = testing::MakeAutomaton(GrammarOfRegex(pattern));
    for (int text = 0; text < 5; ++text) {
      ConstraintCursor cursor(constraint);
      std::string so_far;
      for (int step = 0; step < 12 && !cursor.MustEnd(); ++step) {
        const std::vector<TokenId> allowed = Allowed(cursor);
        for (std::size_t id = 0; id < vocabulary_.size(); ++id) {
          const bool goes_on =
              !vocabulary_[id].empty() &&
              testing::StateAfter(bytes, so_far + vocabulary_[id]) != Automaton::kDead;
          const bool is_allowed =
              std::find(allowed.begin(), allowed.end(), static_cast<TokenId>(id)) != allowed.end();
          EXPECT_EQ(is_allowed, goes_on) << pattern << ": " << so_far << " + " << vocabulary_[id];
          std::size_t steps = Constraint::kMaxSteps;
          EXPECT_EQ(ValueOrDie(cursor.Allows(static_cast<TokenId>(id), steps)), goes_on);
        }
        ASSERT_THAT(allowed, ::testing::Not(IsEmpty()));
        const TokenId next = allowed[random() % allowed.size()];
        cursor.Append(next);
        so_far += vocabulary_[next];
      }
    }
  }
}

TEST_F(ConstraintTest, KnowsWhatIsForced) {
  const std::shared_ptr<Constraint> constraint = Make("abcd(a|b)cd");
  ConstraintCursor cursor(constraint);
  EXPECT_EQ(cursor.ForcedBytes(100), "abcd");
  EXPECT_EQ(cursor.ForcedBytes(2), "ab");
  for (const char byte : std::string("abcd")) cursor.Append(static_cast<TokenId>(byte));
  EXPECT_EQ(cursor.ForcedBytes(100), "");
  cursor.Append('a');
  EXPECT_EQ(cursor.ForcedBytes(100), "cd");
  cursor.Append('c');
  cursor.Append('d');
  EXPECT_TRUE(cursor.MustEnd());
  EXPECT_EQ(cursor.ForcedBytes(100), "");
}

// What is kept is bounded, and what was forgotten is found again: other cursors do not notice.
TEST_F(ConstraintTest, ForgettingChangesNothing) {
  const std::shared_ptr<Constraint> constraint = Make("[a-d,]{20000}");
  ConstraintCursor waits(constraint);
  waits.Append('a');
  waits.Append('b');
  ConstraintCursor runs(constraint);
  for (int i = 0; i < 6000; ++i) {
    ASSERT_THAT(runs.Allowed().status(), testing::IsOk());
    runs.Append(static_cast<TokenId>("abcd,"[i % 5]));
  }
  EXPECT_LE(constraint->kept_bytes(), 2 * Constraint::kMaxKeptBytes);
  ConstraintCursor fresh(Make("[a-d,]{20000}"));
  fresh.Append('a');
  fresh.Append('b');
  EXPECT_EQ(Allowed(waits), Allowed(fresh));
}

TEST_F(ConstraintTest, RefusesWhatTakesTooLong) {
  EXPECT_THAT(TryMake("([a-d]?){9000}").status(), IsInvalid({"too ambiguous", "100000 steps"}));
  EXPECT_THAT(TryMake("(a|aa|aaa){1,30}(b|bb){1,30}").status(), testing::IsOk());
}

TEST_F(ConstraintTest, OneTokenTakesItsStepsAndNoMore) {
  const ConstraintCursor cursor(Make("(a|aa|aaa){1,30}(b|bb){1,30}"));
  std::size_t steps = 1000;
  EXPECT_TRUE(ValueOrDie(cursor.Allows('a', steps)));
  EXPECT_LT(steps, 1000U);
  EXPECT_GT(steps, 900U);
  steps = 1;
  EXPECT_THAT(cursor.Allows('a', steps).status(), IsInvalid({"too ambiguous"}));
}

TEST_F(ConstraintTest, RefusesTheEmptyTextAlone) {
  for (const std::string pattern : {"", "a{0}", "(|)", "((){3}|a{0})*"}) {
    EXPECT_THAT(TryMake(pattern).status(), IsInvalid({"only the empty text"})) << pattern;
  }
}

TEST_F(ConstraintTest, RefusesWhatTheVocabularyCannotBegin) {
  const std::vector<absl::string_view> tokens = {"a", "b"};
  const TokenTrie trie(tokens);
  EXPECT_THAT(Constraint::Make(GrammarOfRegex("c+"), trie).status(),
              IsInvalid({"no token that a text of it begins with"}));
}

TEST_F(ConstraintTest, ChoicesAreTheTextsAndNothingElse) {
  ConstraintSpec spec;
  spec.kind = ConstraintSpec::Kind::kChoice;
  spec.choices = {"a", "abc", "d*"};
  ConstraintCursor cursor(ValueOrDie(Constraint::Make(ValueOrDie(GrammarOf(spec)), trie_)));
  cursor.Append('a');
  EXPECT_TRUE(cursor.CanEnd());
  EXPECT_FALSE(cursor.MustEnd());
  cursor.Append('b');
  EXPECT_FALSE(cursor.CanEnd());
  cursor.Append('c');
  EXPECT_TRUE(cursor.MustEnd());
}

TEST_F(ConstraintTest, TheProcessorLetsTheAnswerEndOnlyWhereItMay) {
  constexpr TokenId kEnd = 0;  // also the text "\0", which then is none
  ConstraintCursor cursor(Make("ab?"));
  ConstrainedTokens processor(cursor, {kEnd});
  std::vector<float> logits(vocabulary_.size(), 2.0F);
  processor.Process(logits);
  EXPECT_EQ(logits[kEnd], kExcluded);
  EXPECT_EQ(logits['a'], 2.0F);
  EXPECT_EQ(logits['b'], kExcluded);
  processor.Accept('a');
  std::vector<float> after(vocabulary_.size(), 2.0F);
  processor.Process(after);
  EXPECT_EQ(after[kEnd], 2.0F);
  EXPECT_EQ(after['b'], 2.0F);
  EXPECT_EQ(after['a'], kExcluded);
  processor.Accept(kEnd);  // which adds no text
  EXPECT_TRUE(cursor.CanEnd());
}

// What others excluded stays excluded.
TEST_F(ConstraintTest, TheProcessorBringsNothingBack) {
  ConstraintCursor cursor(Make("[ab]*"));
  ConstrainedTokens processor(cursor, {'z'});
  std::vector<float> logits(vocabulary_.size(), 2.0F);
  logits['a'] = logits['z'] = kExcluded;
  processor.Process(logits);
  EXPECT_EQ(logits['a'], kExcluded);
  EXPECT_EQ(logits['z'], kExcluded);
  EXPECT_EQ(logits['b'], 2.0F);
}

TEST_F(ConstraintTest, TheProcessorSaysWhatFailed) {
  // No token but "x" begins with it: what comes after is not looked at before.
  ConstraintCursor cursor(Make("x([a-d]?){9000}"));
  ConstrainedTokens processor(cursor, {});
  EXPECT_THAT(processor.Describe(), HasSubstr("would make the text break it"));
  processor.Accept('x');
  std::vector<float> logits(vocabulary_.size(), 2.0F);
  processor.Process(logits);
  EXPECT_THAT(logits, ::testing::Each(kExcluded));
  EXPECT_THAT(processor.Describe(), HasSubstr("too ambiguous"));
}

TEST(TokenMaskTest, FewTokensAndManyAreTheSameSet) {
  std::mt19937 random(3);
  constexpr std::size_t kVocabSize = 1000;
  for (const std::size_t count :
       std::vector<std::size_t>{0, 1, 5, 31, 32, 33, 200, 500, 900, 1000}) {
    std::vector<TokenId> all(kVocabSize);
    for (std::size_t id = 0; id < kVocabSize; ++id) all[id] = static_cast<TokenId>(id);
    std::shuffle(all.begin(), all.end(), random);
    const TokenMask mask({all.begin(), all.begin() + static_cast<std::ptrdiff_t>(count)},
                         kVocabSize);
    EXPECT_EQ(mask.size(), count);
    std::vector<float> logits(kVocabSize + 50, 1.0F);  // a padded model
    mask.Apply(logits, {});
    for (std::size_t i = 0; i < kVocabSize; ++i) {
      EXPECT_EQ(logits[all[i]], i < count ? 1.0F : kExcluded);
    }
    EXPECT_EQ(logits.back(), kExcluded);
  }
}

}  // namespace
}  // namespace cascade::model
