// SPDX-License-Identifier: Apache-2.0

#include "model/processors/token_rules.h"

#include <limits>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "model/processors/exclude.h"

namespace cascade::model {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr TokenId kBeyond = 4000000000;  // the vocabulary lacks it
constexpr float kLargest = std::numeric_limits<float>::max();

std::vector<float> Processed(LogitProcessor& processor, std::vector<float> logits) {
  EXPECT_TRUE(processor.active());
  processor.Process(logits);
  return logits;
}

TEST(LogitBiasTest, AddsToTheTokensThatItNames) {
  LogitBias bias({{2, -3.0F}, {0, 1.5F}, {kBeyond, 1.0F}});
  EXPECT_THAT(Processed(bias, {1, 2, 3}), ElementsAre(2.5F, 2, 0));
  EXPECT_THAT(bias.Describe(), HasSubstr("token_rules.bias changes 3 tokens"));
}

TEST(LogitBiasTest, NeverMakesALogitInfinite) {
  LogitBias bias({{0, kLargest}});
  EXPECT_THAT(Processed(bias, {kLargest, 0}), ElementsAre(kLargest, 0));
}

TEST(AllowedTokensTest, ExcludesAllOthersInWhateverOrderTheyCome) {
  AllowedTokens allowed({4, 1, 1, kBeyond});
  EXPECT_THAT(Processed(allowed, {1, 2, 3, 4, 5, 6}),
              ElementsAre(kExcludedLogit, 2, kExcludedLogit, kExcludedLogit, 5, kExcludedLogit));
  EXPECT_THAT(allowed.Describe(), HasSubstr("all but 3 tokens"));
}

TEST(AllowedTokensTest, FirstAndLastMayBeAllowed) {
  AllowedTokens allowed({0, 2});
  EXPECT_THAT(Processed(allowed, {1, 2, 3}), ElementsAre(1, kExcludedLogit, 3));
}

TEST(BannedTokensTest, ExcludesTheTokensThatItNames) {
  BannedTokens banned({2, 0, kBeyond});
  EXPECT_THAT(Processed(banned, {1, 2, 3}), ElementsAre(kExcludedLogit, 2, kExcludedLogit));
  EXPECT_THAT(banned.Describe(), HasSubstr("token_rules.banned excludes 3 tokens"));
}

}  // namespace
}  // namespace cascade::model
