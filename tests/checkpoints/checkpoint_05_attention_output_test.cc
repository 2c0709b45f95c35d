// SPDX-License-Identifier: Apache-2.0
// Checkpoint 5: what attention adds to the hidden state is Hugging Face's: softmax, values, merged
// heads, c_proj.
#include <algorithm>
#include <cstddef>
#include <limits>
#include <span>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "model/checkpoints/attention_run.h"
#include "model/checkpoints/comparison.h"
#include "model/checkpoints/component_runs.h"
#include "model/layers/attention/attention.h"
#include "model/layers/attention/qkv.h"
#include "model/layers/step_context.h"
#include "tests/checkpoints/golden_model.h"
#include "tests/support/same_bits.h"
#include "tests/support/scattering_executor.h"

namespace cascade::model {
namespace {

using ::cascade::testing::SameBits;
using ::cascade::testing::ScatteringExecutor;

class Checkpoint05AttentionOutput : public testing::CheckpointTest {
 protected:
  Checkpoint05AttentionOutput() : CheckpointTest(checkpoints::kAttentionOutput) {}
};

TEST_P(Checkpoint05AttentionOutput, MatchesHuggingFace) { Measure(MeasureAttentionOutput); }

class AttentionOutputProperties : public testing::GoldenModelTest {
 protected:
  // Golden data of a traced block.
  GoldenBlock Traced(std::size_t layer) const {
    const GoldenTrace trace = Trace();
    return layer == 0 ? trace.blocks.front() : trace.blocks.back();
  }

  // What block `layer` adds to zeros for its golden input, in pieces of at most `chunk` positions.
  Tensor Attended(std::size_t layer, std::size_t chunk, Executor& executor) {
    const GoldenTensor x = Traced(layer).ln_1;
    const std::size_t rows = x.AsMat().rows();
    const std::vector<TokenId> tokens(rows);
    KvCache cache = MakeCache(rows);
    const BlockTable blocks = *cache.TryAllocate(rows);
    LayerScratch scratch(config(), rows);
    Tensor hidden(rows, config().n_embd);
    for (std::size_t start = 0; start < rows; start += chunk) {
      const std::size_t count = std::min(chunk, rows - start);
      Batch batch;
      batch.Add(blocks, start, std::span(tokens).subspan(start, count));
      const StepContext step{config(), batch, cache, executor, scratch};
      Attention(weights().h[layer].attn, layer, step, x.AsMat().Rows(start, count),
                hidden.Rows(rows).Rows(start, count));
    }
    return hidden;
  }
};

TEST_P(AttentionOutputProperties, TheFourPassesTogetherMatchHuggingFace) {
  for (const GoldenBlock& block : Trace().blocks) {
    Tensor hidden = Attended(block.layer, config().n_ctx, executor_);
    const double tolerance = checkpoints::kAttentionOutput.tolerance;
    const Difference difference =
        Compare(hidden.Rows(hidden.rows()), block.attn.AsMat(), tolerance);
    EXPECT_LE(difference.max_abs_error, tolerance) << "block " << block.layer;
  }
}

TEST_P(AttentionOutputProperties, ChunksAreBitIdenticalToOneShot) {
  const std::size_t layer = config().n_layer / 2;
  Tensor expected = Attended(layer, config().n_ctx, executor_);
  for (const std::size_t chunk : {1U, 5U, 8U, 16U, 19U}) {
    Tensor chunked = Attended(layer, chunk, executor_);
    EXPECT_TRUE(SameBits(chunked.Rows(chunked.rows()), expected.Rows(expected.rows())))
        << "chunks of " << chunk;
  }
}

TEST_P(AttentionOutputProperties, ResultDoesNotDependOnWhoComputesIt) {
  ScatteringExecutor scattering;
  Tensor expected = Attended(0, config().n_ctx, executor_);
  Tensor split = Attended(0, config().n_ctx, scattering);
  EXPECT_TRUE(SameBits(split.Rows(split.rows()), expected.Rows(expected.rows())));
}

TEST_P(AttentionOutputProperties, FirstPositionTakesItsOwnValue) {
  const GoldenBlock block = Traced(0);
  const std::size_t head_dim = config().head_dim();
  KvCache cache = MakeCache(block.c_attn.AsMat().rows());
  AttentionRun run(config(), 0, block.c_attn, cache);
  Tensor copy = CopyOf(block.c_attn.AsMat());
  for (std::size_t head = 0; head < config().n_head; ++head) {
    Tensor out = run.Weighed(head, block.scores.At(head).Rows(0, 1), 0);
    EXPECT_TRUE(SameBits(out.Rows(1), Head(Values(copy.Rows(1)), head, head_dim)));
  }
}

TEST_P(AttentionOutputProperties, LaterPositionsDoNotMatter) {
  constexpr std::size_t kSeen = 7;
  const GoldenBlock block = Traced(0);
  KvCache cache = MakeCache(3 * block.c_attn.AsMat().rows());
  AttentionRun run(config(), 0, block.c_attn, cache);
  Tensor expected = run.Weighed(1, block.scores.At(1).Rows(0, kSeen), 0);
  run.Spoil(1, kSeen, std::numeric_limits<float>::quiet_NaN());
  Tensor out = run.Weighed(1, block.scores.At(1).Rows(0, kSeen), 0);
  EXPECT_TRUE(SameBits(out.Rows(kSeen), expected.Rows(kSeen)));
}

INSTANTIATE_TEST_SUITE_P(, Checkpoint05AttentionOutput, testing::AllGoldenModels(),
                         testing::NameOf);
INSTANTIATE_TEST_SUITE_P(, AttentionOutputProperties, testing::BothGoldenModels(), testing::NameOf);

}  // namespace
}  // namespace cascade::model
