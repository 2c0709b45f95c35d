// Checkpoint 7: a whole block is Hugging Face's: pre-norm, two residuals. The first, then every
// one, each on Hugging Face's own input, so that errors do not add up.
#include <algorithm>
#include <cstddef>
#include <span>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "model/layers/transformer_block.h"
#include "tests/checkpoints/golden_model.h"

namespace cascade::model {
namespace {

using ::cascade::testing::BackwardsExecutor;
using ::cascade::testing::CopyOf;
using ::cascade::testing::GoldenTensor;
using ::cascade::testing::HasTheBitsOf;

// Runs block `layer` on `hidden`, positions 0 and up of one sequence, `chunk` positions at a time.
Tensor BlockOutput(const ModelConfig& config, const Gpt2Weights& weights, std::size_t layer,
                   ConstMatF hidden, std::size_t chunk, Executor& executor) {
  const std::size_t rows = hidden.rows();
  const std::vector<TokenId> tokens(rows);
  KvCache cache = *KvCache::Create(config, KvCache::BlocksFor(rows));
  const BlockTable blocks = *cache.TryAllocate(rows);
  LayerScratch scratch(config, rows);
  Tensor out = CopyOf(hidden);
  for (std::size_t start = 0; start < rows; start += chunk) {
    const std::size_t count = std::min(chunk, rows - start);
    Batch batch;
    batch.Add(blocks, start, std::span(tokens).subspan(start, count));
    TransformerBlock(weights.h[layer], layer, {config, batch, cache, executor, scratch},
                     out.Rows(rows).Rows(start, count));
  }
  return out;
}

class Checkpoint07TransformerBlock : public testing::CheckpointTest {
 protected:
  Checkpoint07TransformerBlock() : CheckpointTest(testing::checkpoints::kTransformerBlock) {}
};

TEST_P(Checkpoint07TransformerBlock, MatchesHuggingFace) {
  const GoldenTensor hidden = Golden("trace/hidden");
  for (std::size_t layer = 0; layer < config().n_layer; ++layer) {
    Tensor out =
        BlockOutput(config(), weights(), layer, hidden.At(layer), config().n_ctx, executor_);
    ExpectMatches(out.Rows(out.rows()), hidden.At(layer + 1), absl::StrCat("block ", layer));
  }
}

class TransformerBlockProperties : public testing::GoldenModelTest {};

TEST_P(TransformerBlockProperties, ChunksAreBitIdenticalToOneShot) {
  const GoldenTensor hidden = Golden("trace/hidden");
  Tensor expected = BlockOutput(config(), weights(), 1, hidden.At(1), config().n_ctx, executor_);
  for (const std::size_t chunk : {1U, 6U, 16U}) {
    Tensor chunked = BlockOutput(config(), weights(), 1, hidden.At(1), chunk, executor_);
    EXPECT_TRUE(HasTheBitsOf(chunked.Rows(chunked.rows()), expected.Rows(expected.rows())))
        << "chunks of " << chunk;
  }
}

TEST_P(TransformerBlockProperties, ResultDoesNotDependOnWhoComputesIt) {
  const GoldenTensor hidden = Golden("trace/hidden");
  BackwardsExecutor backwards;
  Tensor expected = BlockOutput(config(), weights(), 0, hidden.At(0), config().n_ctx, executor_);
  Tensor split = BlockOutput(config(), weights(), 0, hidden.At(0), config().n_ctx, backwards);
  EXPECT_TRUE(HasTheBitsOf(split.Rows(split.rows()), expected.Rows(expected.rows())));
}

TEST_P(TransformerBlockProperties, SequencesOfABatchDoNotSeeEachOther) {
  const GoldenTensor golden = Golden("trace/hidden");
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
  Tensor alone =
      BlockOutput(config(), weights(), 0, input.Rows(0, first), config().n_ctx, executor_);
  EXPECT_TRUE(HasTheBitsOf(rows.Rows(0, first), alone.Rows(first)));
  alone = BlockOutput(config(), weights(), 0, input.Rows(first, second), config().n_ctx, executor_);
  EXPECT_TRUE(HasTheBitsOf(rows.Rows(first, second), alone.Rows(second)));
}

INSTANTIATE_TEST_SUITE_P(, Checkpoint07TransformerBlock, testing::AllGoldenModels(),
                         testing::NameOf);
INSTANTIATE_TEST_SUITE_P(, TransformerBlockProperties, testing::BothGoldenModels(),
                         testing::NameOf);

}  // namespace
}  // namespace cascade::model
