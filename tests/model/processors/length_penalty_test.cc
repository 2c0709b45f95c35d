// SPDX-License-Identifier: Apache-2.0

#include "model/processors/length_penalty.h"

#include <cmath>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "model/processors/exclude.h"

namespace cascade::model {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

TEST(LengthPenaltyTest, GrowsWithEachTokenAfterTheFirstOnes) {
  LengthPenalty penalty({.start = 1, .factor = 2.0F}, {1, 4000000000});
  penalty.Accept(0);
  EXPECT_FALSE(penalty.active());
  penalty.Accept(0);
  ASSERT_TRUE(penalty.active());
  std::vector<float> logits = {3, -3};
  penalty.Process(logits);
  EXPECT_THAT(logits, ElementsAre(3, 0));  // -3 + 3 (2 - 1)
  penalty.Accept(0);
  logits = {3, 3};
  penalty.Process(logits);
  EXPECT_THAT(logits, ElementsAre(3, 12));  // 3 + 3 (4 - 1)
  EXPECT_THAT(penalty.Describe(), HasSubstr("stopping.length_penalty is 2 from token 1 on"));
}

TEST(LengthPenaltyTest, StaysFiniteHoweverLongTheAnswerIs) {
  LengthPenalty penalty({.start = 0, .factor = 100.0F}, {0, 1, 2});
  for (int i = 0; i < 1000; ++i) penalty.Accept(0);
  std::vector<float> logits = {1e20F, 0.0F, kExcludedLogit};
  penalty.Process(logits);
  EXPECT_TRUE(std::isfinite(logits[0]));
  EXPECT_EQ(logits[1], 0.0F);
  EXPECT_EQ(logits[2], kExcludedLogit);
}

}  // namespace
}  // namespace cascade::model
