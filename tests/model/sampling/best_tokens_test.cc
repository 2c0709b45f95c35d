// SPDX-License-Identifier: Apache-2.0

#include "model/sampling/best_tokens.h"

#include <algorithm>
#include <limits>
#include <random>
#include <span>
#include <vector>

#include "gtest/gtest.h"

namespace cascade::model {
namespace {

constexpr float kInf = std::numeric_limits<float>::infinity();
constexpr float kNan = std::numeric_limits<float>::quiet_NaN();

std::vector<TokenId> Ids(const std::vector<ScoredToken>& tokens) {
  std::vector<TokenId> ids;
  for (const ScoredToken& token : tokens) ids.push_back(token.token);
  return ids;
}

// All ids with a finite score, best first, by sorting them all.
std::vector<TokenId> SortedIds(const std::vector<float>& scores) {
  std::vector<TokenId> ids;
  for (TokenId id = 0; id < scores.size(); ++id) {
    if (scores[id] > -kInf) ids.push_back(id);
  }
  std::stable_sort(ids.begin(), ids.end(),
                   [&](TokenId a, TokenId b) { return scores[a] > scores[b]; });
  return ids;
}

// Few different values, so that nearly everything is tied.
std::vector<float> RandomScores(std::size_t size, int values, unsigned seed) {
  std::mt19937 random(seed);
  std::vector<float> scores(size);
  for (float& score : scores) score = static_cast<float>(random() % static_cast<unsigned>(values));
  return scores;
}

TEST(SelectBestTest, AgreesWithSortingEverything) {
  for (const std::size_t size : {1U, 2U, 17U, 200U}) {
    for (const int values : {1, 5, 1000000}) {
      const std::vector<float> scores = RandomScores(size, values, 11);
      const std::vector<TokenId> sorted = SortedIds(scores);
      for (std::size_t count = 1; count <= size + 2; ++count) {
        std::vector<ScoredToken> best;
        SelectBest(scores, count, best);
        const std::size_t expected = std::min(count, size);
        ASSERT_EQ(best.size(), expected);
        EXPECT_EQ(best.back().token, sorted[expected - 1]) << "the worst is last";
        std::sort(best.begin(), best.end(), Better);
        EXPECT_TRUE(std::ranges::equal(Ids(best), std::span(sorted).first(expected)));
      }
    }
  }
}

TEST(SelectBestTest, PassesOverWhatCannotBeChosen) {
  std::vector<ScoredToken> best;
  SelectBest(std::vector<float>{-kInf, 1, kNan, 2, -kInf}, 4, best);
  std::sort(best.begin(), best.end(), Better);
  EXPECT_EQ(Ids(best), (std::vector<TokenId>{3, 1}));
  SelectBest(std::vector<float>{-kInf, kNan}, 1, best);
  EXPECT_TRUE(best.empty());
}

TEST(SelectBestTest, NoneIsNone) {
  std::vector<ScoredToken> best = {{1, 1.0F}};
  SelectBest(std::vector<float>{1, 2}, 0, best);
  EXPECT_TRUE(best.empty());
}

TEST(SelectBestTest, ScratchThatGrewOnceIsEnough) {
  std::vector<ScoredToken> best;
  SelectBest(RandomScores(5000, 1000000, 1), 40, best);
  const std::size_t capacity = best.capacity();
  EXPECT_EQ(capacity, 80U);
  std::vector<float> ascending(5000);  // the worst case: every token is the best so far
  for (std::size_t i = 0; i < ascending.size(); ++i) ascending[i] = static_cast<float>(i);
  SelectBest(ascending, 40, best);
  EXPECT_EQ(best.capacity(), capacity);
}

}  // namespace
}  // namespace cascade::model
