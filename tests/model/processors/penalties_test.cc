// SPDX-License-Identifier: Apache-2.0

#include "model/processors/penalties.h"

#include <limits>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "model/processors/exclude.h"

namespace cascade::model {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

std::vector<float> Processed(LogitProcessor& processor, std::vector<float> logits) {
  processor.Process(logits);
  return logits;
}

TEST(RepetitionPenaltyTest, CountsThePromptUnlessToldOtherwise) {
  const std::vector<TokenId> prompt = {0};
  RepetitionPenalty with({.repetition = 2.0F}, prompt);
  EXPECT_TRUE(with.active());
  EXPECT_THAT(Processed(with, {4, 4}), ElementsAre(2, 4));

  RepetitionPenalty without({.repetition = 2.0F, .repetition_counts_prompt = false}, prompt);
  EXPECT_FALSE(without.active());
  without.Accept(1);
  EXPECT_THAT(Processed(without, {4, -4}), ElementsAre(4, -8));
  EXPECT_THAT(without.Describe(), HasSubstr("penalties.repetition is 2"));
}

TEST(RepetitionPenaltyTest, LetsTokensGoThatLeaveTheWindow) {
  RepetitionPenalty penalty({.repetition = 2.0F, .window = 2}, std::vector<TokenId>{0, 1});
  EXPECT_THAT(Processed(penalty, {4, 4, 4}), ElementsAre(2, 2, 4));
  penalty.Accept(2);
  EXPECT_THAT(Processed(penalty, {4, 4, 4}), ElementsAre(4, 2, 2));
  penalty.Accept(2);
  EXPECT_THAT(Processed(penalty, {4, 4, 4}), ElementsAre(4, 4, 2));
}

TEST(RepetitionPenaltyTest, LeavesWhatIsExcludedAndNeverMakesALogitInfinite) {
  const std::vector<TokenId> prompt = {0, 1, 4000000000};
  RepetitionPenalty penalty({.repetition = 0.01F}, prompt);
  const float largest = std::numeric_limits<float>::max();
  EXPECT_THAT(Processed(penalty, {kExcludedLogit, largest}), ElementsAre(kExcludedLogit, largest));
}

TEST(PresenceAndFrequencyPenaltyTest, CountsWhatWasGeneratedUnlessToldOtherwise) {
  const std::vector<TokenId> prompt = {0, 0};
  PresenceAndFrequencyPenalty without({.presence = 1.0F, .frequency = 0.5F}, prompt);
  EXPECT_FALSE(without.active());
  without.Accept(1);
  without.Accept(1);
  EXPECT_THAT(Processed(without, {4, 4}), ElementsAre(4, 2));

  PresenceAndFrequencyPenalty with(
      {.presence = 1.0F, .frequency = 0.5F, .presence_and_frequency_count_prompt = true}, prompt);
  EXPECT_THAT(Processed(with, {4, 4}), ElementsAre(2, 4));
  EXPECT_THAT(with.Describe(), HasSubstr("penalties.presence is 1 and frequency 0.5"));
}

}  // namespace
}  // namespace cascade::model
