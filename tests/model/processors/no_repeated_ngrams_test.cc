// SPDX-License-Identifier: Apache-2.0

#include "model/processors/no_repeated_ngrams.h"

#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "model/processors/exclude.h"

namespace cascade::model {
namespace {

using ::testing::ElementsAre;

TEST(NoRepeatedNgramsTest, ExcludesWhatWouldCompleteOneAcrossPromptAndAnswer) {
  NoRepeatedNgrams processor(3, std::vector<TokenId>{0, 1, 2});
  processor.Accept(0);
  processor.Accept(1);
  std::vector<float> logits = {5, 6, 7};
  processor.Process(logits);
  EXPECT_THAT(logits, ElementsAre(5, 6, kExcludedLogit));
}

TEST(NoRepeatedNgramsTest, IsActiveOnceThereCouldBeOne) {
  NoRepeatedNgrams processor(2, std::vector<TokenId>{0});
  EXPECT_FALSE(processor.active());
  processor.Accept(0);
  EXPECT_TRUE(processor.active());
}

TEST(NoRepeatedNgramsTest, OfOneTokenExcludesEveryTokenThatWasThere) {
  NoRepeatedNgrams processor(1, std::vector<TokenId>{2});
  std::vector<float> logits = {5, 6, 7};
  processor.Process(logits);
  EXPECT_THAT(logits, ElementsAre(5, 6, kExcludedLogit));
  EXPECT_EQ(processor.Describe(),
            "penalties.no_repeat_ngram_size is 1, which excludes tokens that would repeat an "
            "n-gram");
}

}  // namespace
}  // namespace cascade::model
