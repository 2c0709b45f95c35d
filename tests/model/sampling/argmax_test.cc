// SPDX-License-Identifier: Apache-2.0

#include "model/sampling/argmax.h"

#include <limits>
#include <vector>

#include "gtest/gtest.h"

namespace cascade::model {
namespace {

constexpr float kInf = std::numeric_limits<float>::infinity();
constexpr float kNan = std::numeric_limits<float>::quiet_NaN();

TEST(ArgmaxTest, FindsTheLargest) {
  EXPECT_EQ(Argmax(std::vector<float>{-3, 2, 7, 1}), 2U);
  EXPECT_EQ(Argmax(std::vector<float>{-3, -2, -7}), 1U);
  EXPECT_EQ(Argmax(std::vector<float>{-kInf, -1e30F}), 1U);
  EXPECT_EQ(Argmax(std::vector<float>{5}), 0U);
}

TEST(ArgmaxTest, TheLowestIdWinsATie) {
  EXPECT_EQ(Argmax(std::vector<float>{1, 4, 4, 2, 4}), 1U);
  EXPECT_EQ(Argmax(std::vector<float>{-0.0F, 0.0F}), 0U);
}

TEST(ArgmaxTest, FindsItAtEveryPlace) {
  constexpr std::size_t kSize = 133;
  for (std::size_t place = 0; place < kSize; ++place) {
    std::vector<float> logits(kSize, -1.0F);
    logits[place] = 1.0F;
    EXPECT_EQ(Argmax(logits), place);
  }
}

TEST(ArgmaxTest, PassesOverNan) {
  EXPECT_EQ(Argmax(std::vector<float>{kNan, -kInf, kNan}), 1U);
  EXPECT_EQ(Argmax(std::vector<float>{1, kNan, 2, kNan, 0}), 2U);
  EXPECT_EQ(Argmax(std::vector<float>{kNan, kNan}), 0U);
}

}  // namespace
}  // namespace cascade::model
