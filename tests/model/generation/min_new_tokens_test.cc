// SPDX-License-Identifier: Apache-2.0

#include "model/generation/min_new_tokens.h"

#include <limits>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace cascade::model {
namespace {

using ::testing::ElementsAre;

constexpr float kExcluded = -std::numeric_limits<float>::infinity();

StoppingParams Stopping(std::size_t min_new_tokens) {
  StoppingParams stopping;
  stopping.min_new_tokens = min_new_tokens;
  stopping.eos_token_ids = {1, 4000000000};  // one that the vocabulary lacks
  stopping.stop_token_ids = {3};
  return stopping;
}

TEST(MinNewTokensTest, ExcludesEosAndStopTokensAndNoOthers) {
  MinNewTokens processor(Stopping(1));
  std::vector<float> logits = {5, 6, 7, 8};
  processor.Process(logits);
  EXPECT_THAT(logits, ElementsAre(5, kExcluded, 7, kExcluded));
}

TEST(MinNewTokensTest, IsActiveUntilSoManyTokensWereAccepted) {
  MinNewTokens processor(Stopping(2));
  EXPECT_TRUE(processor.active());
  processor.Accept(0);
  EXPECT_TRUE(processor.active());
  processor.Accept(0);
  EXPECT_FALSE(processor.active());
}

TEST(MinNewTokensTest, SaysWhatItExcludes) {
  EXPECT_EQ(MinNewTokens(Stopping(2)).Describe(),
            "min_new_tokens is 2, which excludes every eos or stop token until then");
}

}  // namespace
}  // namespace cascade::model
