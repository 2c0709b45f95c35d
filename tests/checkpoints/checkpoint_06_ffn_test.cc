// SPDX-License-Identifier: Apache-2.0
// Checkpoint 6: the feed-forward network is Hugging Face's, with the config's activation.
#include <cstddef>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "model/checkpoints/component_runs.h"
#include "model/layers/ffn.h"
#include "tests/checkpoints/golden_model.h"
#include "tests/support/same_bits.h"
#include "tests/support/scattering_executor.h"

namespace cascade::model {
namespace {

using ::cascade::testing::SameBits;
using ::cascade::testing::ScatteringExecutor;

class Checkpoint06Ffn : public testing::CheckpointTest {
 protected:
  Checkpoint06Ffn() : CheckpointTest(checkpoints::kFfn) {}
};

TEST_P(Checkpoint06Ffn, MatchesHuggingFace) { Measure(MeasureFfn); }

class FfnProperties : public testing::GoldenModelTest {
 protected:
  // hidden + Ffn(x).
  Tensor Added(ConstMatF x, ConstMatF hidden, Executor& executor) {
    LayerScratch scratch(config(), x.rows());
    Tensor sum = CopyOf(hidden);
    Ffn(weights().h[0].mlp, config().activation, x, executor, scratch, sum.Rows(x.rows()));
    return sum;
  }
};

TEST_P(FfnProperties, RowDoesNotDependOnTheBatch) {
  const GoldenTensor x = Trace().blocks[0].ln_2;
  const GoldenTensor hidden = Trace().blocks[0].attn;
  Tensor expected = Added(x.AsMat(), hidden.AsMat(), executor_);
  for (std::size_t row = 0; row < expected.rows(); ++row) {
    Tensor alone = Added(x.AsMat().Rows(row, 1), hidden.AsMat().Rows(row, 1), executor_);
    EXPECT_TRUE(SameBits(alone.Rows(1), expected.Rows(expected.rows()).Rows(row, 1)));
  }
}

TEST_P(FfnProperties, ResultDoesNotDependOnWhoComputesIt) {
  const GoldenTensor x = Trace().blocks[0].ln_2;
  const GoldenTensor hidden = Trace().blocks[0].attn;
  ScatteringExecutor scattering;
  Tensor expected = Added(x.AsMat(), hidden.AsMat(), executor_);
  Tensor split = Added(x.AsMat(), hidden.AsMat(), scattering);
  EXPECT_TRUE(SameBits(split.Rows(split.rows()), expected.Rows(expected.rows())));
}

TEST_P(FfnProperties, AddsToWhatIsThere) {
  const GoldenTensor x = Trace().blocks[0].ln_2;
  const GoldenTensor before = Trace().blocks[0].attn;
  const std::size_t rows = x.AsMat().rows();
  Tensor zeros(rows, config().n_embd);
  Tensor added = Added(x.AsMat(), before.AsMat(), executor_);
  Tensor alone = Added(x.AsMat(), zeros.Rows(rows), executor_);
  for (std::size_t r = 0; r < rows; ++r) {
    for (std::size_t c = 0; c < config().n_embd; ++c) {
      const float expected = before.AsMat().Row(r)[c] + alone.Rows(rows).Row(r)[c];
      ASSERT_EQ(added.Rows(rows).Row(r)[c], expected) << "element [" << r << ", " << c << "]";
    }
  }
}

INSTANTIATE_TEST_SUITE_P(, Checkpoint06Ffn, testing::AllGoldenModels(), testing::NameOf);
INSTANTIATE_TEST_SUITE_P(, FfnProperties, testing::BothGoldenModels(), testing::NameOf);

}  // namespace
}  // namespace cascade::model
