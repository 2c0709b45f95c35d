// SPDX-License-Identifier: Apache-2.0

#include "server/grpc/call/hidden_pool.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace cascade::server {
namespace {

using ::testing::ElementsAre;
using ::testing::FloatEq;

// Three states of two dimensions.
const std::vector<float> kStates = {3.0F, 4.0F, 0.0F, 0.0F, -6.0F, 8.0F};

// What `pool` makes of `states`, [rows, 2], that come `at_once` rows at a time.
std::vector<float> PoolOf(HiddenPool pool, const std::vector<float>& states, std::size_t at_once) {
  const model::ConstMatF rows(states.data(), states.size() / 2, 2);
  for (std::size_t row = 0; row < rows.rows(); row += at_once) {
    pool.Add(rows.Rows(row, std::min(at_once, rows.rows() - row)));
  }
  return pool.Take();
}

TEST(HiddenPoolTest, TakesTheLastTheMeanOrEach) {
  for (const std::size_t at_once : {1U, 2U, 3U}) {
    const auto pooled = [at_once](Pooling pooling, bool normalize) {
      return PoolOf(HiddenPool(pooling, normalize), kStates, at_once);
    };
    EXPECT_THAT(pooled(Pooling::kLast, false), ElementsAre(-6.0F, 8.0F));
    EXPECT_THAT(pooled(Pooling::kMean, false), ElementsAre(-1.0F, 4.0F));
    EXPECT_EQ(pooled(Pooling::kTokens, false), kStates);
    EXPECT_THAT(pooled(Pooling::kLast, true), ElementsAre(-0.6F, 0.8F));
    EXPECT_THAT(pooled(Pooling::kMean, true),
                ElementsAre(FloatEq(-1.0F / std::sqrt(17.0F)), FloatEq(4.0F / std::sqrt(17.0F))));
    EXPECT_THAT(pooled(Pooling::kTokens, true), ElementsAre(0.6F, 0.8F, 0.0F, 0.0F, -0.6F, 0.8F))
        << "zeros have no direction and stay as they are";
  }
}

TEST(HiddenPoolTest, TheMeanDoesNotDependOnHowTheRowsAreCut) {
  std::vector<float> states;
  for (int i = 0; i < 400; ++i) {
    states.push_back(static_cast<float>(std::sin(i)) * std::pow(10.0F, static_cast<float>(i % 12)));
  }
  const std::vector<float> whole = PoolOf(HiddenPool(Pooling::kMean, false), states, 200);
  for (const std::size_t at_once : {1U, 7U, 64U}) {
    EXPECT_EQ(PoolOf(HiddenPool(Pooling::kMean, false), states, at_once), whole);
  }
}

TEST(HiddenPoolTest, NormalizesWhatHasHugeAndTinySquares) {
  EXPECT_THAT(PoolOf(HiddenPool(Pooling::kLast, true), {3e30F, 4e30F}, 1),
              ElementsAre(FloatEq(0.6F), FloatEq(0.8F)));
  EXPECT_THAT(PoolOf(HiddenPool(Pooling::kLast, true), {3e-30F, 4e-30F}, 1),
              ElementsAre(FloatEq(0.6F), FloatEq(0.8F)));
}

}  // namespace
}  // namespace cascade::server
