// SPDX-License-Identifier: Apache-2.0

#include "tests/determinism/digest.h"

#include <vector>

#include "gtest/gtest.h"
#include "tests/determinism/requests.h"

namespace cascade::testing {
namespace {

const Answer kAnswer{.tokens = {1, 2}, .log_prob_bits = {3}, .text = "four"};

TEST(DigestTest, IsTheSameOnEveryMachine) {
  EXPECT_EQ(DigestOf({&kAnswer, 1}), "edf476d6c4940dcd14041e6f3b15603b");
}

TEST(DigestTest, SeesEveryField) {
  std::vector<Answer> others(7, kAnswer);
  others[0].tokens = {2, 1};
  others[1].tokens = {1, 2, 3};
  others[2].tokens = {1};
  others[3].log_prob_bits = {2};
  others[4].text = "for";
  others[5].reason = model::FinishReason::kStopString;
  others[6].prompt_bits = {3};
  for (const Answer& other : others) EXPECT_NE(DigestOf({&other, 1}), DigestOf({&kAnswer, 1}));
}

TEST(DigestTest, SeesWhereOneListEndsAndTheNextBegins) {
  Answer moved = kAnswer;
  moved.tokens = {1};
  moved.log_prob_bits = {2, 3};
  EXPECT_NE(DigestOf({&moved, 1}), DigestOf({&kAnswer, 1}));
  EXPECT_NE(DigestOf(std::vector<Answer>{kAnswer, kAnswer}), DigestOf({&kAnswer, 1}));
}

}  // namespace
}  // namespace cascade::testing
