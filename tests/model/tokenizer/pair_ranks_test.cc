// SPDX-License-Identifier: Apache-2.0

#include "model/tokenizer/pair_ranks.h"

#include <cstdint>
#include <map>
#include <random>
#include <utility>

#include "gtest/gtest.h"

namespace cascade::model {
namespace {

TEST(PairRanksTest, KnowsNoPairUntilItIsSet) {
  PairRanks ranks(0);
  EXPECT_EQ(ranks.Find(0, 0), PairRanks::kNone);
  ranks.Set(0, 0, 7);
  EXPECT_EQ(ranks.Find(0, 0), 7);
  EXPECT_EQ(ranks.Find(0, 1), PairRanks::kNone);
  EXPECT_EQ(ranks.Find(1, 0), PairRanks::kNone);
}

TEST(PairRanksTest, TheLastRankOfAPairCounts) {
  PairRanks ranks(1);
  ranks.Set(3, 4, 1);
  ranks.Set(3, 4, 0);
  EXPECT_EQ(ranks.Find(3, 4), 0);
}

TEST(PairRanksTest, AgreesWithAMapOnRandomPairs) {
  constexpr std::uint32_t kPairs = 5000;
  constexpr TokenId kTokens = 300;  // so that most pairs share a token, and many are absent
  for (const std::size_t announced : {std::size_t{10}, std::size_t{kPairs}}) {
    PairRanks ranks(announced);
    std::map<std::pair<TokenId, TokenId>, std::uint32_t> expected;
    std::mt19937 generator(5);
    std::uniform_int_distribution<TokenId> token(0, kTokens - 1);
    for (std::uint32_t rank = 0; rank < kPairs; ++rank) {
      const TokenId left = token(generator);
      const TokenId right = token(generator);
      ranks.Set(left, right, rank);
      expected[{left, right}] = rank;
    }
    for (TokenId left = 0; left < kTokens; ++left) {
      for (TokenId right = 0; right < kTokens; ++right) {
        const auto found = expected.find({left, right});
        EXPECT_EQ(ranks.Find(left, right),
                  found == expected.end() ? PairRanks::kNone : found->second);
      }
    }
  }
}

}  // namespace
}  // namespace cascade::model
