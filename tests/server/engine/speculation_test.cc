// SPDX-License-Identifier: Apache-2.0

#include "server/engine/speculation.h"

#include <cstddef>

#include "gtest/gtest.h"

namespace cascade::server {
namespace {

constexpr std::size_t kLongest = 8;

Speculation After(std::size_t drafted, std::size_t accepted) {
  Speculation speculation;
  speculation.Learn(drafted, accepted);
  return speculation;
}

TEST(SpeculationTest, BeginsCarefully) { EXPECT_EQ(Speculation().length(), 2U); }

TEST(SpeculationTest, GrowsWithDraftsThatWereRightUpToALimit) {
  Speculation speculation;
  for (const std::size_t length : {4U, 8U, 8U, 8U}) {
    speculation.Learn(speculation.length(), speculation.length());
    EXPECT_EQ(speculation.length(), length);
  }
  EXPECT_EQ(speculation.length(), kLongest);
}

TEST(SpeculationTest, GoesOneBeyondWhatWasAccepted) {
  EXPECT_EQ(After(8, 5).length(), 6U);
  EXPECT_EQ(After(8, 1).length(), 2U);
}

TEST(SpeculationTest, ShrinksToNothingWithDraftsThatWereWrong) {
  Speculation speculation;
  speculation.Learn(2, 0);
  EXPECT_EQ(speculation.length(), 1U);
  speculation.Learn(1, 0);
  EXPECT_EQ(speculation.length(), 0U);
}

TEST(SpeculationTest, AStepWithoutADraftSaysNothing) { EXPECT_EQ(After(0, 0).length(), 2U); }

TEST(SpeculationTest, TriesAgainAfterARest) {
  Speculation speculation;
  speculation.Learn(2, 0);
  speculation.Learn(1, 0);
  std::size_t rested = 0;
  while (speculation.length() == 0) {
    speculation.Learn(0, 0);
    ASSERT_LE(++rested, 100U);
  }
  EXPECT_EQ(rested, 32U);
  EXPECT_EQ(speculation.length(), 1U);
  speculation.Learn(1, 0);
  EXPECT_EQ(speculation.length(), 0U) << "wrong again: it rests again";
  for (std::size_t i = 0; i < 31; ++i) speculation.Learn(0, 0);
  EXPECT_EQ(speculation.length(), 0U) << "as long as the first time";
}

}  // namespace
}  // namespace cascade::server
