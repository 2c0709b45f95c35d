// SPDX-License-Identifier: Apache-2.0

#include "model/generation/limits.h"

#include <cstddef>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/status_matchers.h"

namespace cascade::model {
namespace {

using ::cascade::testing::IsInvalid;
using ::cascade::testing::IsOk;

std::vector<TokenId> Prompt(std::size_t tokens) { return std::vector<TokenId>(tokens, 99); }

TEST(LimitsTest, APromptLeavesRoomForOneToken) {
  EXPECT_THAT(CheckPrompt(Prompt(1), 64, 100), IsOk());
  EXPECT_THAT(CheckPrompt(Prompt(63), 64, 100), IsOk());
  EXPECT_THAT(CheckPrompt(Prompt(0), 64, 100), IsInvalid({"has 0 tokens", "1 to 63"}));
  EXPECT_THAT(CheckPrompt(Prompt(64), 64, 100), IsInvalid({"has 64 tokens", "1 to 63"}));
}

TEST(LimitsTest, APromptIsInTheVocabulary) {
  EXPECT_THAT(CheckPrompt(std::vector<TokenId>{3, 99, 100, 200}, 64, 100),
              IsInvalid({"token 100, at index 2 of the prompt", "vocabulary of 100"}));
}

TEST(LimitsTest, TheLastTokenNeedsNoPosition) {
  EXPECT_EQ(PositionsNeeded(1, 1, 64), 1U);
  EXPECT_EQ(PositionsNeeded(10, 6, 64), 15U);
}

TEST(LimitsTest, TheContextBoundsWhatIsNeeded) {
  EXPECT_EQ(PositionsNeeded(10, 1000, 64), 63U);
  EXPECT_EQ(PositionsNeeded(63, static_cast<std::size_t>(-1), 64), 63U);
}

}  // namespace
}  // namespace cascade::model
