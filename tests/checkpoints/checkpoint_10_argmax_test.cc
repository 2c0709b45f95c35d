// SPDX-License-Identifier: Apache-2.0
// Checkpoint 10: below temperature 1e-6 the largest logit is chosen, the lowest id among equals.
#include <cstddef>
#include <limits>
#include <vector>

#include "gtest/gtest.h"
#include "model/sampling/argmax.h"
#include "tests/checkpoints/golden_model.h"

namespace cascade::model {
namespace {

constexpr float kInfinity = std::numeric_limits<float>::infinity();
constexpr float kNaN = std::numeric_limits<float>::quiet_NaN();

class Checkpoint10Argmax : public testing::CheckpointTest {
 protected:
  Checkpoint10Argmax() : CheckpointTest(checkpoints::kArgmax) {}
};

TEST_P(Checkpoint10Argmax, ChoosesTheLargestLogit) { Measure(MeasureArgmax); }

TEST_P(Checkpoint10Argmax, IsWhatTheSamplerDoesBelowTheGreedyTemperature) {
  Measure(MeasureGreedySampler);
}

TEST(ArgmaxTest, LowestIdWinsATieWhereverItLies) {
  for (const std::size_t size : {2U, 15U, 16U, 17U, 33U, 70U}) {
    for (std::size_t first = 0; first < size; ++first) {
      for (std::size_t second = first + 1; second < size; ++second) {
        std::vector<float> logits(size, -1.5F);
        logits[first] = logits[second] = -0.5F;
        ASSERT_EQ(Argmax(logits), first) << "equal at " << first << " and " << second;
      }
    }
  }
}

TEST(ArgmaxTest, SignedZerosAreEqual) {
  EXPECT_EQ(Argmax(std::vector<float>{-1.0F, -0.0F, 0.0F}), 1U);
  EXPECT_EQ(Argmax(std::vector<float>{-1.0F, 0.0F, -0.0F}), 1U);
}

TEST(ArgmaxTest, NaNsArePassedOver) {
  EXPECT_EQ(Argmax(std::vector<float>{kNaN, 1.0F, kNaN, 2.0F, kNaN}), 3U);
  EXPECT_EQ(Argmax(std::vector<float>{kNaN, -kInfinity}), 1U);
  EXPECT_EQ(Argmax(std::vector<float>{kNaN, kNaN, kNaN}), 0U);
}

TEST(ArgmaxTest, InfinitiesAreNumbersLikeOthers) {
  EXPECT_EQ(Argmax(std::vector<float>{1.0F, kInfinity, 3e38F, kInfinity}), 1U);
  EXPECT_EQ(Argmax(std::vector<float>{-kInfinity, -3e38F, -kInfinity}), 1U);
  EXPECT_EQ(Argmax(std::vector<float>{-kInfinity, -kInfinity}), 0U);
}

INSTANTIATE_TEST_SUITE_P(, Checkpoint10Argmax, testing::AllGoldenModels(), testing::NameOf);

}  // namespace
}  // namespace cascade::model
