// SPDX-License-Identifier: Apache-2.0
// Checkpoint 11: probabilities are PyTorch's softmax(logits / temperature), and after top-k, top-p
// and min-p those that Hugging Face draws from.
#include <cmath>
#include <cstddef>
#include <limits>
#include <span>
#include <vector>

#include "gtest/gtest.h"
#include "model/checkpoints/component_runs.h"
#include "model/kernels/reductions.h"
#include "model/layers/scratch.h"
#include "tests/checkpoints/golden_model.h"
#include "tests/support/same_bits.h"

namespace cascade::model {
namespace {

double Sum(std::span<const float> x) {
  double sum = 0;
  for (const float value : x) sum += static_cast<double>(value);
  return sum;
}

// Softmax of every row.
Tensor SoftmaxOf(ConstMatF logits, float temperature) {
  Tensor out(logits.rows(), logits.cols());
  for (std::size_t r = 0; r < logits.rows(); ++r) {
    kernels::Softmax(logits.Row(r), temperature, out.Rows(logits.rows()).Row(r));
  }
  return out;
}

class Checkpoint11Softmax : public testing::CheckpointTest {
 protected:
  Checkpoint11Softmax() : CheckpointTest(checkpoints::kSoftmax) {}
};

TEST_P(Checkpoint11Softmax, MatchesPyTorch) { Measure(MeasureSoftmax); }

TEST_P(Checkpoint11Softmax, CutsWhatHuggingFaceCuts) { Measure(MeasureCuts); }

class SoftmaxProperties : public testing::GoldenModelTest {};

TEST_P(SoftmaxProperties, SumsToOne) {
  const GoldenTensor logits = Sampling().logits;
  for (const float temperature : {1e-6F, 0.1F, 0.7F, 1.0F, 2.0F, 100.0F}) {
    Tensor actual = SoftmaxOf(logits.AsMat(), temperature);
    for (std::size_t r = 0; r < actual.rows(); ++r) {
      EXPECT_NEAR(Sum(actual.Rows(actual.rows()).Row(r)), 1, 1e-6)
          << "row " << r << ", temperature " << temperature;
    }
  }
}

TEST_P(SoftmaxProperties, InPlaceIsBitIdentical) {
  const GoldenTensor logits = Sampling().logits;
  Tensor expected = SoftmaxOf(logits.AsMat(), 0.7F);
  Tensor in_place = CopyOf(logits.AsMat());
  const MatF rows = in_place.Rows(in_place.rows());
  for (std::size_t r = 0; r < rows.rows(); ++r) kernels::Softmax(rows.Row(r), 0.7F, rows.Row(r));
  EXPECT_TRUE(testing::SameBits(rows, expected.Rows(expected.rows())));
}

TEST(SoftmaxTest, ANaNMakesEveryProbabilityNaN) {
  std::vector<float> x(37, 1.0F);
  x[20] = std::numeric_limits<float>::quiet_NaN();
  kernels::Softmax(x, 1.0F, x);
  for (const float probability : x) EXPECT_TRUE(std::isnan(probability));
}

TEST(SoftmaxTest, ASingleLogitIsCertain) {
  for (const float logit : {-1e30F, 0.0F, 1e30F}) {
    std::vector<float> x = {logit};
    kernels::Softmax(x, 0.5F, x);
    EXPECT_EQ(x[0], 1.0F);
  }
}

INSTANTIATE_TEST_SUITE_P(, Checkpoint11Softmax, testing::AllGoldenModels(), testing::NameOf);
INSTANTIATE_TEST_SUITE_P(, SoftmaxProperties, testing::BothGoldenModels(), testing::NameOf);

}  // namespace
}  // namespace cascade::model
