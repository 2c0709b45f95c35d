// SPDX-License-Identifier: Apache-2.0

#include "model/processors/dry.h"

#include <cmath>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace cascade::model {
namespace {

using ::testing::Each;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

bool Never(TokenId /*token*/) { return false; }

std::vector<float> Processed(Dry& processor) {
  std::vector<float> logits(4, 0.0F);
  processor.Process(logits);
  return logits;
}

TEST(DryTest, CostsMoreTheLongerTheRepetitionIs) {
  Dry dry({.multiplier = 1.0F, .base = 2.0F, .allowed_length = 2}, Never,
          std::vector<TokenId>{0, 1, 2, 3, 0});
  EXPECT_FALSE(dry.active() && Processed(dry)[1] != 0.0F);  // one token: shorter than is allowed
  dry.Accept(1);
  EXPECT_THAT(Processed(dry), ElementsAre(0, 0, -1, 0));
  dry.Accept(2);
  EXPECT_THAT(Processed(dry), ElementsAre(0, 0, 0, -2));
}

TEST(DryTest, CountsTheLongestMatchOfATokenOnce) {
  // Token 1 followed 0 twice: once after a match of one token, once after two.
  Dry dry({.multiplier = 1.0F, .base = 3.0F, .allowed_length = 1}, Never,
          std::vector<TokenId>{0, 1, 2, 0, 1, 3, 2, 0});
  EXPECT_THAT(Processed(dry), ElementsAre(0, -3, 0, 0));
}

TEST(DryTest, ABreakerEndsMatchesAndIsNeverMadeLessLikely) {
  const auto is_breaker = [](TokenId token) { return token == 2; };
  Dry after({.multiplier = 1.0F, .base = 2.0F, .allowed_length = 1}, is_breaker,
            std::vector<TokenId>{0, 2, 1, 3, 0, 2, 1});
  EXPECT_THAT(Processed(after), ElementsAre(0, 0, 0, -1));  // the match is 1 long, not 3
  Dry before({.multiplier = 1.0F, .base = 2.0F, .allowed_length = 1}, is_breaker,
             std::vector<TokenId>{0, 2, 1, 0});
  EXPECT_THAT(Processed(before), Each(0));
}

TEST(DryTest, LooksAtTheWindowAlone) {
  Dry dry({.multiplier = 1.0F, .base = 2.0F, .allowed_length = 1, .window = 3}, Never,
          std::vector<TokenId>{0, 1, 2, 2, 0});
  EXPECT_THAT(Processed(dry), Each(0));
}

TEST(DryTest, StaysFiniteHoweverLongTheRepetitionIs) {
  Dry dry({.multiplier = 100.0F, .base = 100.0F, .allowed_length = 1}, Never,
          std::vector<TokenId>(1000, 0));
  EXPECT_TRUE(std::isfinite(Processed(dry)[0]));
  EXPECT_LT(Processed(dry)[0], -1e20F);
  EXPECT_THAT(dry.Describe(), HasSubstr("penalties.dry has a multiplier of 100"));
}

}  // namespace
}  // namespace cascade::model
