// SPDX-License-Identifier: Apache-2.0

#include "model/sampling/log_probs.h"

#include <cmath>
#include <limits>
#include <random>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace cascade::model {
namespace {

using ::testing::ElementsAre;

std::vector<float> RandomLogits(std::size_t size, unsigned seed) {
  std::mt19937 random(seed);
  std::vector<float> logits(size);
  for (float& logit : logits) logit = static_cast<float>(random() % 20000) / 1000.0F - 40.0F;
  return logits;
}

double ExactLogProb(const std::vector<float>& logits, TokenId token) {
  double sum = 0;
  for (const float logit : logits) sum += std::exp(static_cast<double>(logit - logits[token]));
  return -std::log(sum);
}

std::vector<TokenId> Ids(const std::vector<TokenLogProb>& candidates) {
  std::vector<TokenId> ids;
  for (const TokenLogProb& candidate : candidates) ids.push_back(candidate.token);
  return ids;
}

TEST(LogProbsTest, AgreesWithDoubleArithmetic) {
  const std::vector<float> logits = RandomLogits(3001, 1);
  for (TokenId token = 0; token < logits.size(); token += 100) {
    EXPECT_NEAR(static_cast<double>(ComputeLogProbs(logits, token, 0).chosen),
                ExactLogProb(logits, token), 3e-6);
  }
}

TEST(LogProbsTest, TheirExponentialsSumToOne) {
  const std::vector<float> logits = RandomLogits(500, 2);
  double sum = 0;
  for (const TokenLogProb& token : ComputeLogProbs(logits, 0, logits.size()).candidates) {
    sum += std::exp(static_cast<double>(token.log_prob));
  }
  EXPECT_NEAR(sum, 1.0, 1e-5);
}

TEST(LogProbsTest, CandidatesComeBestFirstAndTiesByLowestId) {
  const std::vector<float> logits = {1, 3, 2, 3, 0, 2, 2};
  EXPECT_THAT(Ids(ComputeLogProbs(logits, 0, 4).candidates), ElementsAre(1, 3, 2, 5));
  EXPECT_THAT(Ids(ComputeLogProbs(logits, 0, 1).candidates), ElementsAre(1));
  EXPECT_THAT(Ids(ComputeLogProbs(logits, 0, 0).candidates), ElementsAre());
}

TEST(LogProbsTest, ThereAreNoMoreCandidatesThanTokens) {
  const std::vector<float> logits = {1, 2, -std::numeric_limits<float>::infinity()};
  EXPECT_THAT(Ids(ComputeLogProbs(logits, 0, 100).candidates), ElementsAre(1, 0));
}

TEST(LogProbsTest, TheChosenTokenHasItsCandidatesValue) {
  const std::vector<float> logits = RandomLogits(100, 3);
  const std::vector<TokenLogProb> all = ComputeLogProbs(logits, 0, 100).candidates;
  ASSERT_EQ(all.size(), 100U);
  for (const TokenLogProb& token : all) {
    EXPECT_EQ(ComputeLogProbs(logits, token.token, 0).chosen, token.log_prob);
  }
}

TEST(LogProbsTest, GivenTokensComeInTheirOrderWithTheirValues) {
  std::vector<float> logits = RandomLogits(100, 4);
  logits[9] = -std::numeric_limits<float>::infinity();
  const std::vector<TokenId> given = {50, 9, 3};
  const LogProbs told = ComputeLogProbs(logits, 3, 2, given);
  EXPECT_THAT(Ids(told.given), ElementsAre(50, 9, 3));
  EXPECT_EQ(told.given[0].log_prob, ComputeLogProbs(logits, 50, 0).chosen);
  EXPECT_EQ(told.given[1].log_prob, -std::numeric_limits<float>::infinity());
  EXPECT_EQ(told.given[2].log_prob, told.chosen);
  EXPECT_EQ(told.candidates, ComputeLogProbs(logits, 3, 2).candidates);
}

TEST(LogProbsTest, LargeLogitsDoNotOverflow) {
  const LogProbs result = ComputeLogProbs(std::vector<float>{3e38F, -3e38F}, 0, 2);
  EXPECT_EQ(result.chosen, 0.0F);
  EXPECT_EQ(result.candidates[1].log_prob, -std::numeric_limits<float>::infinity());
}

TEST(RankOfTest, CountsTheTokensThatAreBetterEqualOnesByLowestId) {
  const std::vector<float> logits = {1, 3, 2, 3, -std::numeric_limits<float>::infinity()};
  EXPECT_EQ(RankOf(logits, 0), 4U);
  EXPECT_EQ(RankOf(logits, 1), 1U);
  EXPECT_EQ(RankOf(logits, 2), 3U);
  EXPECT_EQ(RankOf(logits, 3), 2U);
  EXPECT_EQ(RankOf(logits, 4), 5U);
}

}  // namespace
}  // namespace cascade::model
