// SPDX-License-Identifier: Apache-2.0
// Decoding under a constraint.
#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "model/generation/decoding.h"
#include "model/generation/vocabulary_trie.h"
#include "tests/model/generation/small_logits.h"
#include "tests/model/generation/tiny_tokenizer.h"
#include "tests/support/constraints.h"
#include "tests/support/status_matchers.h"

namespace cascade::model {
namespace {

using ::cascade::testing::Greedy;
using ::cascade::testing::IsInvalid;
using ::cascade::testing::kAbcd;
using ::cascade::testing::kContext;
using ::cascade::testing::kEndOfText;
using ::cascade::testing::kPrompt;
using ::cascade::testing::kVocabSize;
using ::cascade::testing::Prefer;
using ::testing::ElementsAre;

class ConstrainedDecodingTest : public ::testing::Test {
 protected:
  Decoding Start(const GenerationParams& params) const {
    return Decoding(params, 0, kPrompt, kContext, tokenizer_);
  }

  // Greedy, held to what `regex` matches.
  GenerationParams To(const std::string& regex) const {
    GenerationParams params = Greedy();
    params.stopping.eos_token_ids = {kEndOfText};
    params.constraint = testing::ConstraintTo(regex, trie_);
    return params;
  }

  const Tokenizer tokenizer_ = testing::TinyTokenizer();
  const TokenTrie trie_ = MakeTokenTrie(tokenizer_, kVocabSize);
};

TEST_F(ConstrainedDecodingTest, TheBestTokenThatTheConstraintAllowsIsChosen) {
  Decoding decoding = Start(To("x[bc]+"));
  EXPECT_EQ(decoding.Next(Prefer({'a', kEndOfText, 'x'}))->token->id, 'x');
  EXPECT_EQ(decoding.Next(Prefer({kEndOfText, 'a', 'c', 'b'}))->token->id, 'c');  // may not end yet
  const absl::StatusOr<DecodingStep> last = decoding.Next(Prefer({'a', kEndOfText, 'b'}));
  EXPECT_EQ(last->token->id, kEndOfText);
  EXPECT_EQ(last->finish->reason, FinishReason::kEos);
}

TEST_F(ConstrainedDecodingTest, FinishesWhereNothingMayFollow) {
  Decoding decoding = Start(To("yes|no"));
  EXPECT_FALSE(decoding.Next(Prefer({'n'}))->finish.has_value());
  const absl::StatusOr<DecodingStep> last = decoding.Next(Prefer({'a'}));
  EXPECT_EQ(last->text, "o");
  ASSERT_TRUE(last->finish.has_value());
  EXPECT_EQ(last->finish->reason, FinishReason::kConstraintComplete);
}

TEST_F(ConstrainedDecodingTest, CompletenessComesBeforeTheLimitAndAfterStops) {
  GenerationParams params = To("ab");
  params.stopping.max_new_tokens = 2;
  Decoding limited = Start(params);
  ASSERT_TRUE(limited.Next(Prefer({'a'})).ok());
  EXPECT_EQ(limited.Next(Prefer({'b'}))->finish->reason, FinishReason::kConstraintComplete);
  params.stopping.stop = {"b"};
  Decoding stopped = Start(params);
  ASSERT_TRUE(stopped.Next(Prefer({'a'})).ok());
  EXPECT_EQ(stopped.Next(Prefer({'b'}))->finish->reason, FinishReason::kStopString);
}

// A stop token ends the answer, so it is allowed where the answer may end, whatever its text.
TEST_F(ConstrainedDecodingTest, AStopTokenIsNoText) {
  GenerationParams params = To("ab*");
  params.stopping.stop_token_ids = {'b'};
  Decoding decoding = Start(params);
  ASSERT_EQ(decoding.Next(Prefer({'b', 'a'}))->token->id, 'a');
  EXPECT_EQ(decoding.Next(Prefer({'b'}))->finish->reason, FinishReason::kStopToken);
}

TEST_F(ConstrainedDecodingTest, TellsWhenOtherRulesLeaveNothing) {
  GenerationParams params = To("ab");
  params.tokens.banned = {'a', kAbcd};
  Decoding decoding = Start(params);
  EXPECT_THAT(decoding.Next(Prefer({'a'})).status(),
              IsInvalid({"all 260 tokens are excluded", "the constraint excludes"}));
}

TEST_F(ConstrainedDecodingTest, ForcedTokensAreTheTokenizersOwn) {
  Decoding decoding = Start(To("xabcd[yz]"));
  EXPECT_EQ(decoding.ForcedTokens(10), *tokenizer_.Encode("xabcd", SpecialTokens::kAsText));
  EXPECT_THAT(decoding.ForcedTokens(1), ElementsAre('x'));
  EXPECT_THAT(decoding.ForcedTokens(0), ElementsAre());
  EXPECT_THAT(Start(Greedy()).ForcedTokens(10), ElementsAre());
}

TEST_F(ConstrainedDecodingTest, ResumesWhatFollowsTheConstraint) {
  const GenerationParams params = To("x[bc]+");
  Decoding decoding = Start(params);
  const TokenId begun[] = {'x', 'b', 'c'};
  ASSERT_EQ(decoding.Resume(begun), absl::OkStatus());
  EXPECT_EQ(decoding.Next(Prefer({'x', 'c'}))->token->id, 'c');
  const TokenId whole[] = {'x', 'b', kEndOfText};
  Decoding ended = Start(params);
  ASSERT_EQ(ended.Resume(whole), absl::OkStatus());
  EXPECT_EQ(ended.finish()->reason, FinishReason::kEos);
}

TEST_F(ConstrainedDecodingTest, ResumesNothingElse) {
  const TokenId other[] = {'x', 'b', 'a'};
  EXPECT_THAT(Start(To("x[bc]+")).Resume(other),
              IsInvalid({"token 2 of the 3 that were there, 97", "the constraint"}));
  const TokenId ended_early[] = {'x', kEndOfText};
  EXPECT_THAT(Start(To("x[bc]+")).Resume(ended_early), IsInvalid({"token 1 of the 2"}));
}

}  // namespace
}  // namespace cascade::model
