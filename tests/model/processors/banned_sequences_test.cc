// SPDX-License-Identifier: Apache-2.0

#include "model/processors/banned_sequences.h"

#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "model/processors/exclude.h"

namespace cascade::model {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

std::vector<float> Processed(BannedSequences& processor) {
  std::vector<float> logits = {5, 6, 7};
  processor.Process(logits);
  return logits;
}

TEST(BannedSequencesTest, ExcludesTheLastTokenOnceTheOthersHaveCome) {
  BannedSequences processor({{0, 1, 2}}, std::vector<TokenId>{0});
  EXPECT_THAT(Processed(processor), ElementsAre(5, 6, 7));
  processor.Accept(1);
  EXPECT_THAT(Processed(processor), ElementsAre(5, 6, kExcludedLogit));
  processor.Accept(0);
  EXPECT_THAT(Processed(processor), ElementsAre(5, 6, 7));
}

TEST(BannedSequencesTest, OfOneTokenExcludesItAlways) {
  BannedSequences processor({{1}}, {});
  EXPECT_THAT(Processed(processor), ElementsAre(5, kExcludedLogit, 7));
  EXPECT_THAT(processor.Describe(), HasSubstr("one of 1 sequences"));
}

TEST(BannedSequencesTest, MatchesABeginningThatIsAllThereIs) {
  BannedSequences processor({{0, 2}}, std::vector<TokenId>{0});
  EXPECT_THAT(Processed(processor), ElementsAre(5, 6, kExcludedLogit));
}

}  // namespace
}  // namespace cascade::model
