// SPDX-License-Identifier: Apache-2.0
// Checkpoint 2: the query, key and value projection is Hugging Face's, and so is its split.
#include <cstddef>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "model/layers/attention/qkv.h"
#include "tests/checkpoints/golden_model.h"
#include "tests/support/same_bits.h"
#include "tests/support/scattering_executor.h"

namespace cascade::model {
namespace {

using ::cascade::testing::SameBits;
using ::cascade::testing::ScatteringExecutor;

class Checkpoint02Qkv : public testing::CheckpointTest {
 protected:
  Checkpoint02Qkv() : CheckpointTest(checkpoints::kQkv) {}
};

TEST_P(Checkpoint02Qkv, MatchesHuggingFace) { Measure(MeasureQkv); }

class QkvProperties : public testing::GoldenModelTest {
 protected:
  Tensor Projected(ConstMatF x, Executor& executor) {
    kernels::MatMulScratch scratch;
    Tensor qkv(x.rows(), 3 * config().n_embd);
    ProjectQkv(weights().h[0].attn.c_attn, x, executor, scratch, qkv.Rows(x.rows()));
    return qkv;
  }
};

TEST_P(QkvProperties, HeadsLieSideBySideInEachPart) {
  const std::size_t n_embd = config().n_embd;
  const std::size_t head_dim = config().head_dim();
  Tensor tensor(2, 3 * n_embd);
  const MatF qkv = tensor.Rows(2);
  for (std::size_t head = 0; head < config().n_head; ++head) {
    const std::size_t first = head * head_dim;
    EXPECT_EQ(Head(Queries(qkv), head, head_dim).Row(1).data(), &qkv.Row(1)[first]);
    EXPECT_EQ(Head(Keys(qkv), head, head_dim).Row(1).data(), &qkv.Row(1)[n_embd + first]);
    EXPECT_EQ(Head(Values(qkv), head, head_dim).Row(1).data(), &qkv.Row(1)[2 * n_embd + first]);
    EXPECT_EQ(Head(Values(qkv), head, head_dim).cols(), head_dim);
  }
}

TEST_P(QkvProperties, RowDoesNotDependOnTheBatch) {
  const GoldenTensor x = Trace().blocks[0].ln_1;
  Tensor expected = Projected(x.AsMat(), executor_);
  for (std::size_t row = 0; row < expected.rows(); ++row) {
    Tensor alone = Projected(x.AsMat().Rows(row, 1), executor_);
    EXPECT_TRUE(SameBits(alone.Rows(1), expected.Rows(expected.rows()).Rows(row, 1)));
  }
}

TEST_P(QkvProperties, ResultDoesNotDependOnWhoComputesIt) {
  const GoldenTensor x = Trace().blocks[0].ln_1;
  ScatteringExecutor scattering;
  Tensor expected = Projected(x.AsMat(), executor_);
  Tensor split = Projected(x.AsMat(), scattering);
  EXPECT_TRUE(SameBits(split.Rows(split.rows()), expected.Rows(expected.rows())));
}

INSTANTIATE_TEST_SUITE_P(, Checkpoint02Qkv, testing::AllGoldenModels(), testing::NameOf);
INSTANTIATE_TEST_SUITE_P(, QkvProperties, testing::BothGoldenModels(), testing::NameOf);

}  // namespace
}  // namespace cascade::model
