// SPDX-License-Identifier: Apache-2.0

#include "model/processors/min_new_tokens.h"

#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "model/processors/exclude.h"

namespace cascade::model {
namespace {

using ::testing::ElementsAre;

// Two ends, and one that the vocabulary lacks.
MinNewTokens Make(std::size_t min_new_tokens) { return {min_new_tokens, {1, 3, 4000000000}}; }

TEST(MinNewTokensTest, ExcludesTheEndsAndNoOthers) {
  MinNewTokens processor = Make(1);
  std::vector<float> logits = {5, 6, 7, 8};
  processor.Process(logits);
  EXPECT_THAT(logits, ElementsAre(5, kExcludedLogit, 7, kExcludedLogit));
}

TEST(MinNewTokensTest, IsActiveUntilSoManyTokensWereAccepted) {
  MinNewTokens processor = Make(2);
  EXPECT_TRUE(processor.active());
  processor.Accept(0);
  EXPECT_TRUE(processor.active());
  processor.Accept(0);
  EXPECT_FALSE(processor.active());
}

TEST(MinNewTokensTest, SaysWhatItExcludes) {
  EXPECT_EQ(Make(2).Describe(),
            "min_new_tokens is 2, which excludes every eos or stop token until then");
}

}  // namespace
}  // namespace cascade::model
