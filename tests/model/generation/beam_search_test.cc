// SPDX-License-Identifier: Apache-2.0
// What golden beams (tests/checkpoints/beams_test.cc) do not show: ends by text, by constraints and
// by the caller, and what fails.
#include "model/generation/beam_search.h"

#include <algorithm>
#include <limits>
#include <span>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "model/generation/vocabulary_trie.h"
#include "model/sampling/log_probs.h"
#include "tests/model/generation/small_logits.h"
#include "tests/model/generation/tiny_tokenizer.h"
#include "tests/support/constraints.h"
#include "tests/support/status_matchers.h"

namespace cascade::model {
namespace {

using ::cascade::testing::IsInvalid;
using ::cascade::testing::kContext;
using ::cascade::testing::kEndOfText;
using ::cascade::testing::kPrompt;
using ::cascade::testing::kVocabSize;
using ::cascade::testing::Prefer;
using ::testing::ElementsAre;

std::string TextOf(const BeamSearch::Answer& answer) {
  std::string text;
  for (const DecodingStep& step : answer) text += step.text;
  return text;
}

std::vector<std::string> TextsOf(const std::vector<BeamSearch::Answer>& answers) {
  std::vector<std::string> texts;
  for (const BeamSearch::Answer& answer : answers) texts.push_back(TextOf(answer));
  return texts;
}

GenerationParams Beams(std::size_t width) {
  GenerationParams params;
  params.beams = BeamParams{.width = width, .returned = width};
  params.stopping.eos_token_ids = {kEndOfText};
  params.stopping.max_new_tokens = 3;
  return params;
}

class BeamSearchTest : public ::testing::Test {
 protected:
  BeamSearch Start(const GenerationParams& params) const {
    return BeamSearch(params, kPrompt, kContext, tokenizer_);
  }

  // A step in which every beam has the same logits.
  static absl::StatusOr<std::vector<BeamSearch::Extension>> Step(BeamSearch& search,
                                                                 const std::vector<float>& logits) {
    return search.Step(std::vector<std::span<const float>>(search.size(), logits));
  }

  // The answers if the model always says the same.
  std::vector<std::string> Texts(const GenerationParams& params,
                                 const std::vector<float>& logits) const {
    BeamSearch search = Start(params);
    while (!search.done()) EXPECT_TRUE(Step(search, logits).ok());
    return TextsOf(search.TakeAnswers());
  }

  const Tokenizer tokenizer_ = testing::TinyTokenizer();
  const TokenTrie trie_ = MakeTokenTrie(tokenizer_, kVocabSize);
};

TEST_F(BeamSearchTest, SaysWhichBeamGoesOnWithWhichToken) {
  BeamSearch search = Start(Beams(2));
  ASSERT_EQ(search.size(), 1U);
  absl::StatusOr<std::vector<BeamSearch::Extension>> next = Step(search, Prefer({'a', 'b'}));
  ASSERT_EQ(next->size(), 2U);
  EXPECT_EQ((*next)[0].token, 'a');
  EXPECT_EQ((*next)[1].token, 'b');
  // The first beam is so much worse off that the second has both successors.
  const std::vector<float> flat(kVocabSize, 0.0F);
  const std::vector<float> sure = Prefer({'c', 'd'});
  next = search.Step(std::vector<std::span<const float>>{flat, sure});
  ASSERT_EQ(next->size(), 2U);
  EXPECT_EQ((*next)[0].parent, 1U);
  EXPECT_EQ((*next)[0].token, 'c');
  EXPECT_EQ((*next)[1].parent, 1U);
  EXPECT_EQ((*next)[1].token, 'd');
}

TEST_F(BeamSearchTest, AStopStringEndsABeam) {
  GenerationParams params = Beams(2);
  params.stopping.stop = {"ab"};
  params.beams->early_stopping = BeamParams::EarlyStopping::kNever;
  BeamSearch search = Start(params);
  while (!search.done()) ASSERT_TRUE(Step(search, Prefer({'a', 'b'})).ok());
  const std::vector<BeamSearch::Answer> answers = search.TakeAnswers();
  ASSERT_EQ(answers.size(), 2U);
  const auto stopped = [](const BeamSearch::Answer& answer) {
    return answer.back().finish->reason == FinishReason::kStopString;
  };
  EXPECT_TRUE(std::ranges::any_of(answers, stopped));
  for (const BeamSearch::Answer& answer : answers) {
    EXPECT_EQ(TextOf(answer).find("ab"), std::string::npos);
    EXPECT_TRUE(answer.back().finish->beam_score.has_value());
  }
}

TEST_F(BeamSearchTest, FindsNoMoreAnswersThanAConstraintHasTexts) {
  GenerationParams params = Beams(4);
  params.constraint = testing::ConstraintTo("yes|no", trie_);
  params.stopping.max_new_tokens = 10;
  EXPECT_THAT(Texts(params, Prefer({'n', 'y', 'o'})), ElementsAre("no", "yes"));
}

TEST_F(BeamSearchTest, LaterGroupsAvoidTheTokensOfEarlierOnes) {
  GenerationParams params = Beams(2);
  params.beams->groups = 2;
  params.beams->diversity_penalty = 1.5F;
  EXPECT_THAT(Texts(params, Prefer({'a', 'b'})), ElementsAre("aaa", "bbb"));
}

TEST_F(BeamSearchTest, WhatIsToldOfATokenIsTheModelsOwn) {
  GenerationParams params = Beams(2);
  params.output.logprobs = true;
  params.tokens.bias = {{'z', 30.0F}};
  params.stopping.max_new_tokens = 1;
  BeamSearch search = Start(params);
  const std::vector<float> logits = Prefer({'a', 'b'});
  ASSERT_TRUE(Step(search, logits).ok());
  const std::vector<BeamSearch::Answer> answers = search.TakeAnswers();
  EXPECT_EQ(answers[0][0].token->id, 'z');
  EXPECT_EQ(answers[0][0].token->log_probs->chosen, ComputeLogProbs(logits, 'z', 0).chosen);
}

TEST_F(BeamSearchTest, StopsWhereItStands) {
  BeamSearch search = Start(Beams(2));
  ASSERT_TRUE(Step(search, Prefer({'a', 'b'})).ok());
  const std::vector<BeamSearch::Answer> answers = search.Stop(FinishReason::kTimeLimit);
  EXPECT_THAT(TextsOf(answers), ElementsAre("a", "b"));
  EXPECT_EQ(answers[1].back().finish->reason, FinishReason::kTimeLimit);
}

TEST_F(BeamSearchTest, StoppedBeforeTheFirstStepHasOneEmptyAnswer) {
  BeamSearch search = Start(Beams(2));
  EXPECT_THAT(TextsOf(search.Stop(FinishReason::kTimeLimit)), ElementsAre(""));
}

TEST_F(BeamSearchTest, FailsWhereNoTokenIsLeft) {
  GenerationParams params = Beams(2);
  params.tokens.allowed = {'a'};
  params.tokens.banned = {'a'};
  BeamSearch search = Start(params);
  EXPECT_THAT(Step(search, Prefer({'a'})).status(), IsInvalid({"excluded"}));
}

TEST_F(BeamSearchTest, FailsOnLogitsThatAreNotNumbers) {
  BeamSearch search = Start(Beams(2));
  std::vector<float> logits = Prefer({'a'});
  logits[7] = std::numeric_limits<float>::quiet_NaN();
  EXPECT_EQ(Step(search, logits).status().code(), absl::StatusCode::kInternal);
}

}  // namespace
}  // namespace cascade::model
