// SPDX-License-Identifier: Apache-2.0

#include "model/generation/prompt_lookup.h"

#include <cstddef>
#include <span>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace cascade::model {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

std::vector<TokenId> Draft(const std::vector<TokenId>& tokens, std::size_t limit) {
  const std::span<const TokenId> draft = LookUpDraft(tokens, limit);
  return {draft.begin(), draft.end()};
}

TEST(LookUpDraftTest, GivesWhatFollowedTheLastThreeTokens) {
  EXPECT_THAT(Draft({1, 2, 3, 4, 5, 6, 1, 2, 3}, 2), ElementsAre(4, 5));
}

TEST(LookUpDraftTest, PrefersTheLatestPlace) {
  EXPECT_THAT(Draft({1, 2, 3, 7, 1, 2, 3, 8, 1, 2, 3}, 1), ElementsAre(8));
}

TEST(LookUpDraftTest, PrefersThreeTokensToALaterPlaceOfTwo) {
  EXPECT_THAT(Draft({1, 2, 3, 7, 9, 2, 3, 8, 1, 2, 3}, 1), ElementsAre(7));
}

TEST(LookUpDraftTest, TakesTwoTokensIfThereAreNoThree) {
  EXPECT_THAT(Draft({5, 2, 3, 8, 1, 2, 3}, 2), ElementsAre(8, 1));
}

TEST(LookUpDraftTest, MayRunIntoTheTokensThatItLookedFor) {
  EXPECT_THAT(Draft({4, 4, 4, 4}, 8), ElementsAre(4));
  EXPECT_THAT(Draft({1, 2, 1, 2, 1, 2}, 8), ElementsAre(1, 2));
}

TEST(LookUpDraftTest, PrefersAPlaceThatIsFollowedByEnough) {
  EXPECT_THAT(Draft({4, 4, 4, 4, 4, 4, 4, 4}, 4), ElementsAre(4, 4, 4, 4));
  EXPECT_THAT(Draft({1, 2, 3, 6, 1, 2, 3, 7, 1, 2, 3}, 4), ElementsAre(7, 1, 2, 3));
  EXPECT_THAT(Draft({1, 2, 3, 6, 1, 2, 3, 7, 1, 2, 3}, 6), ElementsAre(6, 1, 2, 3, 7, 1));
}

TEST(LookUpDraftTest, FindsNothingWhereNothingIsRepeated) {
  EXPECT_THAT(Draft({1, 2, 3, 4, 5}, 8), IsEmpty());
  EXPECT_THAT(Draft({3, 1, 3}, 8), IsEmpty()) << "one token says too little";
  EXPECT_THAT(Draft({1, 2}, 8), IsEmpty());
  EXPECT_THAT(Draft({}, 8), IsEmpty());
}

TEST(LookUpDraftTest, NeverGivesMoreThanItMay) {
  EXPECT_THAT(Draft({1, 2, 3, 4, 5, 6, 1, 2, 3}, 0), IsEmpty());
  EXPECT_THAT(Draft({1, 2, 3, 4, 5, 6, 1, 2, 3}, 100), ElementsAre(4, 5, 6, 1, 2, 3));
}

TEST(LookUpDraftTest, IsAViewOfItsArgument) {
  const std::vector<TokenId> tokens = {1, 2, 3, 4, 1, 2, 3};
  EXPECT_EQ(LookUpDraft(tokens, 1).data(), tokens.data() + 3);
}

}  // namespace
}  // namespace cascade::model
