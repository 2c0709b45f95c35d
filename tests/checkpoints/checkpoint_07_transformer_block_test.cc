// SPDX-License-Identifier: Apache-2.0
// Checkpoint 7: a whole block is Hugging Face's: pre-norm, two residuals. The first, then every
// one, each on Hugging Face's own input, so that errors do not add up.
#include <algorithm>
#include <cstddef>
#include <span>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "model/checkpoints/component_runs.h"
#include "model/layers/step_context.h"
#include "model/layers/transformer_block.h"
#include "tests/checkpoints/golden_model.h"
#include "tests/support/same_bits.h"
#include "tests/support/scattering_executor.h"

namespace cascade::model {
namespace {

using ::cascade::testing::SameBits;
using ::cascade::testing::ScatteringExecutor;

class Checkpoint07TransformerBlock : public testing::CheckpointTest {
 protected:
  Checkpoint07TransformerBlock() : CheckpointTest(checkpoints::kTransformerBlock) {}
};

TEST_P(Checkpoint07TransformerBlock, MatchesHuggingFace) { Measure(MeasureTransformerBlock); }

class TransformerBlockProperties : public testing::GoldenModelTest {
 protected:
  // Block `layer` on positions from 0 of one sequence, `chunk` of them at a time.
  Tensor Output(std::size_t layer, ConstMatF hidden, std::size_t chunk, Executor& executor) {
    KvCache cache = MakeCache(hidden.rows());
    return BlockOutput(config(), weights(), layer, hidden, chunk, cache, executor);
  }
};

TEST_P(TransformerBlockProperties, ChunksAreBitIdenticalToOneShot) {
  const GoldenTensor hidden = Trace().hidden;
  Tensor expected = Output(1, hidden.At(1), config().n_ctx, executor_);
  for (const std::size_t chunk : {1U, 6U, 16U}) {
    Tensor chunked = Output(1, hidden.At(1), chunk, executor_);
    EXPECT_TRUE(SameBits(chunked.Rows(chunked.rows()), expected.Rows(expected.rows())))
        << "chunks of " << chunk;
  }
}

TEST_P(TransformerBlockProperties, ResultDoesNotDependOnWhoComputesIt) {
  const GoldenTensor hidden = Trace().hidden;
  ScatteringExecutor scattering;
  Tensor expected = Output(0, hidden.At(0), config().n_ctx, executor_);
  Tensor split = Output(0, hidden.At(0), config().n_ctx, scattering);
  EXPECT_TRUE(SameBits(split.Rows(split.rows()), expected.Rows(expected.rows())));
}

TEST_P(TransformerBlockProperties, SequencesOfABatchDoNotSeeEachOther) {
  const GoldenTensor golden = Trace().hidden;
  const ConstMatF input = golden.At(0);
  const std::size_t first = input.rows() / 3;  // the batch: two sequences, cut here
  const std::size_t second = input.rows() - first;
  const std::vector<TokenId> tokens(input.rows());
  KvCache cache = MakeCache(2 * input.rows() + 16);
  const BlockTable first_blocks = *cache.TryAllocate(first);
  const BlockTable second_blocks = *cache.TryAllocate(second);
  Batch batch;
  batch.Add(first_blocks, 0, std::span(tokens).first(first));
  batch.Add(second_blocks, 0, std::span(tokens).last(second));
  LayerScratch scratch(config(), input.rows());
  Tensor together = CopyOf(input);
  TransformerBlock(weights().h[0], 0, {config(), batch, cache, executor_, scratch},
                   together.Rows(input.rows()));

  const MatF rows = together.Rows(input.rows());
  Tensor alone = Output(0, input.Rows(0, first), config().n_ctx, executor_);
  EXPECT_TRUE(SameBits(rows.Rows(0, first), alone.Rows(first)));
  alone = Output(0, input.Rows(first, second), config().n_ctx, executor_);
  EXPECT_TRUE(SameBits(rows.Rows(first, second), alone.Rows(second)));
}

INSTANTIATE_TEST_SUITE_P(, Checkpoint07TransformerBlock, testing::AllGoldenModels(),
                         testing::NameOf);
INSTANTIATE_TEST_SUITE_P(, TransformerBlockProperties, testing::BothGoldenModels(),
                         testing::NameOf);

}  // namespace
}  // namespace cascade::model
