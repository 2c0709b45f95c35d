// SPDX-License-Identifier: Apache-2.0
// Checkpoint 1: layer normalization is PyTorch's.
#include <cstddef>

#include "gtest/gtest.h"
#include "model/checkpoints/component_runs.h"
#include "model/layers/layer_norm.h"
#include "tests/checkpoints/golden_model.h"
#include "tests/support/same_bits.h"
#include "tests/support/scattering_executor.h"

namespace cascade::model {
namespace {

using ::cascade::testing::SameBits;
using ::cascade::testing::ScatteringExecutor;

class Checkpoint01LayerNorm : public testing::CheckpointTest {
 protected:
  Checkpoint01LayerNorm() : CheckpointTest(checkpoints::kLayerNorm) {}
};

TEST_P(Checkpoint01LayerNorm, MatchesHuggingFace) { Measure(MeasureLayerNorm); }

TEST_P(Checkpoint01LayerNorm, MatchesHuggingFaceOnAwkwardRows) {
  Measure(MeasureLayerNormOnAwkwardRows);
}

class LayerNormProperties : public testing::GoldenModelTest {
 protected:
  // Rows of a real prompt.
  const GoldenTensor& x() {
    if (x_.values.empty()) x_ = Trace().ln_f;
    return x_;
  }
  Tensor Normed(ConstMatF x, Executor& executor) {
    Tensor out(x.rows(), x.cols());
    LayerNorm(weights().ln_f, x, config().layer_norm_epsilon, executor, out.Rows(x.rows()));
    return out;
  }

 private:
  GoldenTensor x_;
};

TEST_P(LayerNormProperties, InPlaceIsBitIdentical) {
  Tensor expected = Normed(x().AsMat(), executor_);
  Tensor in_place = CopyOf(x().AsMat());
  const MatF rows = in_place.Rows(in_place.rows());
  LayerNorm(weights().ln_f, rows, config().layer_norm_epsilon, executor_, rows);
  EXPECT_TRUE(SameBits(rows, expected.Rows(expected.rows())));
}

TEST_P(LayerNormProperties, RowDoesNotDependOnTheBatch) {
  Tensor expected = Normed(x().AsMat(), executor_);
  for (std::size_t row = 0; row < expected.rows(); ++row) {
    Tensor alone = Normed(x().AsMat().Rows(row, 1), executor_);
    EXPECT_TRUE(SameBits(alone.Rows(1), expected.Rows(expected.rows()).Rows(row, 1)));
  }
}

TEST_P(LayerNormProperties, ResultDoesNotDependOnWhoComputesIt) {
  ScatteringExecutor scattering;
  Tensor expected = Normed(x().AsMat(), executor_);
  Tensor split = Normed(x().AsMat(), scattering);
  EXPECT_TRUE(SameBits(split.Rows(split.rows()), expected.Rows(expected.rows())));
}

TEST_P(LayerNormProperties, RowStrideDoesNotMatter) {
  const std::size_t cols = x().AsMat().cols();
  const std::size_t rows = x().AsMat().rows() / 2;
  const ConstMatF every_other(x().values.data(), rows, cols, 2 * cols);
  Tensor strided = Normed(every_other, executor_);
  Tensor dense_input = CopyOf(every_other);
  Tensor dense = Normed(dense_input.Rows(rows), executor_);
  EXPECT_TRUE(SameBits(strided.Rows(rows), dense.Rows(rows)));
}

INSTANTIATE_TEST_SUITE_P(, Checkpoint01LayerNorm, testing::AllGoldenModels(), testing::NameOf);
INSTANTIATE_TEST_SUITE_P(, LayerNormProperties, testing::BothGoldenModels(), testing::NameOf);

}  // namespace
}  // namespace cascade::model
