// Checkpoint 5: what attention adds to the hidden state is Hugging Face's: softmax, values, merged
// heads, c_proj.
#include <algorithm>
#include <cstddef>
#include <limits>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "model/layers/attention/attention.h"
#include "model/layers/attention/output.h"
#include "tests/checkpoints/attention_run.h"
#include "tests/checkpoints/golden_model.h"

namespace cascade::model {
namespace {

using ::cascade::testing::AttentionRun;
using ::cascade::testing::BackwardsExecutor;
using ::cascade::testing::CopyOf;
using ::cascade::testing::ForTiles;
using ::cascade::testing::GoldenTensor;
using ::cascade::testing::HasTheBitsOf;
using ::cascade::testing::ScoreMemory;

// Weighs the values of one head by scores of rows [start, start + scores.rows()), one tile.
Tensor Weighed(AttentionRun& run, std::size_t head, ConstMatF scores, std::size_t start,
               std::size_t head_dim) {
  Tensor memory = ScoreMemory(start + scores.rows());
  const kernels::ScoreTile tile(memory.Rows(1).data(), scores.rows());
  for (std::size_t r = 0; r < scores.rows(); ++r) {
    for (std::size_t p = 0; p <= start + r; ++p) tile.At(r, p) = scores.Row(r)[p];
  }
  Tensor out(scores.rows(), head_dim);
  WeighValues(tile, run.Read(head), start, out.Rows(scores.rows()));
  return out;
}

class Checkpoint05AttentionOutput : public testing::CheckpointTest {
 protected:
  Checkpoint05AttentionOutput() : CheckpointTest(testing::checkpoints::kAttentionOutput) {}
};

TEST_P(Checkpoint05AttentionOutput, MatchesHuggingFace) {
  const std::size_t head_dim = config().head_dim();
  for (const std::size_t layer : TracedLayers()) {
    const GoldenTensor qkv = Traced(layer, "attn.c_attn");
    const GoldenTensor scores = Traced(layer, "attn.scores");
    AttentionRun run(config(), layer, qkv, qkv.AsMat().rows());
    Tensor merged(run.rows(), config().n_embd);
    for (std::size_t head = 0; head < config().n_head; ++head) {
      ForTiles(run.rows(), [&](std::size_t start, std::size_t count) {
        Tensor out = Weighed(run, head, scores.At(head).Rows(start, count), start, head_dim);
        for (std::size_t r = 0; r < count; ++r) {
          std::ranges::copy(out.Rows(count).Row(r),
                            Head(merged.Rows(run.rows()), head, head_dim).Row(start + r).begin());
        }
      });
    }
    kernels::MatMulScratch scratch;
    Tensor hidden(run.rows(), config().n_embd);  // zeros: the residual is checkpoint 7's
    ProjectHeads(weights().h[layer].attn.c_proj, merged.Rows(run.rows()), executor_, scratch,
                 hidden.Rows(run.rows()));
    ExpectMatches(hidden.Rows(run.rows()), Traced(layer, "attn").AsMat(),
                  absl::StrCat("block ", layer));
  }
}

class AttentionOutputProperties : public testing::GoldenModelTest {
 protected:
  // What block `layer` adds to zeros for its golden input, in pieces of at most `chunk` positions.
  Tensor Attended(std::size_t layer, std::size_t chunk, Executor& executor) {
    const GoldenTensor x = Traced(layer, "ln_1");
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
  for (const std::size_t layer : TracedLayers()) {
    const GoldenTensor expected = Traced(layer, "attn");
    Tensor hidden = Attended(layer, config().n_ctx, executor_);
    const double tolerance = testing::checkpoints::kAttentionOutput.tolerance;
    const testing::Difference difference =
        testing::Compare(hidden.Rows(hidden.rows()), expected.AsMat(), tolerance);
    EXPECT_LE(difference.max_abs_error, tolerance) << "block " << layer;
  }
}

TEST_P(AttentionOutputProperties, ChunksAreBitIdenticalToOneShot) {
  const std::size_t layer = config().n_layer / 2;
  Tensor expected = Attended(layer, config().n_ctx, executor_);
  for (const std::size_t chunk : {1U, 5U, 8U, 16U, 19U}) {
    Tensor chunked = Attended(layer, chunk, executor_);
    EXPECT_TRUE(HasTheBitsOf(chunked.Rows(chunked.rows()), expected.Rows(expected.rows())))
        << "chunks of " << chunk;
  }
}

TEST_P(AttentionOutputProperties, ResultDoesNotDependOnWhoComputesIt) {
  BackwardsExecutor backwards;
  Tensor expected = Attended(0, config().n_ctx, executor_);
  Tensor split = Attended(0, config().n_ctx, backwards);
  EXPECT_TRUE(HasTheBitsOf(split.Rows(split.rows()), expected.Rows(expected.rows())));
}

TEST_P(AttentionOutputProperties, FirstPositionTakesItsOwnValue) {
  const GoldenTensor qkv = Traced(0, "attn.c_attn");
  const std::size_t head_dim = config().head_dim();
  AttentionRun run(config(), 0, qkv, qkv.AsMat().rows());
  Tensor copy = CopyOf(qkv.AsMat());
  for (std::size_t head = 0; head < config().n_head; ++head) {
    Tensor out = Weighed(run, head, Traced(0, "attn.scores").At(head).Rows(0, 1), 0, head_dim);
    EXPECT_TRUE(HasTheBitsOf(out.Rows(1), Head(Values(copy.Rows(1)), head, head_dim)));
  }
}

TEST_P(AttentionOutputProperties, LaterPositionsDoNotMatter) {
  constexpr std::size_t kSeen = 7;
  const GoldenTensor qkv = Traced(0, "attn.c_attn");
  const GoldenTensor scores = Traced(0, "attn.scores");
  AttentionRun run(config(), 0, qkv, 3 * qkv.AsMat().rows());
  Tensor expected = Weighed(run, 1, scores.At(1).Rows(0, kSeen), 0, config().head_dim());
  run.Spoil(1, kSeen, std::numeric_limits<float>::quiet_NaN());
  Tensor out = Weighed(run, 1, scores.At(1).Rows(0, kSeen), 0, config().head_dim());
  EXPECT_TRUE(HasTheBitsOf(out.Rows(kSeen), expected.Rows(kSeen)));
}

INSTANTIATE_TEST_SUITE_P(, Checkpoint05AttentionOutput, testing::AllGoldenModels(),
                         testing::NameOf);
INSTANTIATE_TEST_SUITE_P(, AttentionOutputProperties, testing::BothGoldenModels(), testing::NameOf);

}  // namespace
}  // namespace cascade::model
