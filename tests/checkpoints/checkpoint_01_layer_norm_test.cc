// Checkpoint 1: layer normalisation is PyTorch's.
#include <cstddef>

#include "gtest/gtest.h"
#include "model/layers/layer_norm.h"
#include "tests/checkpoints/golden_model.h"

namespace cascade::model {
namespace {

using ::cascade::testing::BackwardsExecutor;
using ::cascade::testing::CopyOf;
using ::cascade::testing::GoldenTensor;
using ::cascade::testing::HasTheBitsOf;

class Checkpoint01LayerNorm : public testing::CheckpointTest {
 protected:
  Checkpoint01LayerNorm() : CheckpointTest(testing::checkpoints::kLayerNorm) {}

  void ExpectNorm(const LayerNormWeights& layer_norm, ConstMatF x, const GoldenTensor& expected,
                  absl::string_view what) {
    Tensor out(x.rows(), x.cols());
    LayerNorm(layer_norm, x, config().layer_norm_epsilon, executor_, out.Rows(x.rows()));
    ExpectMatches(out.Rows(x.rows()), expected.AsMat(), what);
  }
};

TEST_P(Checkpoint01LayerNorm, MatchesHuggingFace) {
  const GoldenTensor hidden = Golden("trace/hidden");
  for (const std::size_t layer : TracedLayers()) {
    ExpectNorm(weights().h[layer].ln_1, hidden.At(layer), Traced(layer, "ln_1"),
               absl::StrCat("ln_1 of block ", layer));
  }
  ExpectNorm(weights().ln_f, hidden.At(config().n_layer), Golden("trace/ln_f"), "ln_f");
}

TEST_P(Checkpoint01LayerNorm, MatchesHuggingFaceOnAwkwardRows) {
  ExpectNorm(weights().h[0].ln_1, Golden("layer_norm/rows").AsMat(), Golden("layer_norm/expected"),
             "awkward rows");
}

class LayerNormProperties : public testing::GoldenModelTest {
 protected:
  // The rows that checkpoint 1 normalises, and what becomes of them.
  const GoldenTensor& x() {
    if (x_.values.empty()) x_ = Golden("trace/ln_f");
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
  EXPECT_TRUE(HasTheBitsOf(rows, expected.Rows(expected.rows())));
}

TEST_P(LayerNormProperties, RowDoesNotDependOnTheBatch) {
  Tensor expected = Normed(x().AsMat(), executor_);
  for (std::size_t row = 0; row < expected.rows(); ++row) {
    Tensor alone = Normed(x().AsMat().Rows(row, 1), executor_);
    EXPECT_TRUE(HasTheBitsOf(alone.Rows(1), expected.Rows(expected.rows()).Rows(row, 1)));
  }
}

TEST_P(LayerNormProperties, ResultDoesNotDependOnWhoComputesIt) {
  BackwardsExecutor backwards;
  Tensor expected = Normed(x().AsMat(), executor_);
  Tensor split = Normed(x().AsMat(), backwards);
  EXPECT_TRUE(HasTheBitsOf(split.Rows(split.rows()), expected.Rows(expected.rows())));
}

TEST_P(LayerNormProperties, RowStrideDoesNotMatter) {
  const std::size_t cols = x().AsMat().cols();
  const std::size_t rows = x().AsMat().rows() / 2;
  const ConstMatF every_other(x().values.data(), rows, cols, 2 * cols);
  Tensor strided = Normed(every_other, executor_);
  Tensor dense_input = CopyOf(every_other);
  Tensor dense = Normed(dense_input.Rows(rows), executor_);
  EXPECT_TRUE(HasTheBitsOf(strided.Rows(rows), dense.Rows(rows)));
}

INSTANTIATE_TEST_SUITE_P(, Checkpoint01LayerNorm, testing::AllGoldenModels(), testing::NameOf);
INSTANTIATE_TEST_SUITE_P(, LayerNormProperties, testing::BothGoldenModels(), testing::NameOf);

}  // namespace
}  // namespace cascade::model
