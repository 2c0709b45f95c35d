// SPDX-License-Identifier: Apache-2.0

#include "model/layers/attention/attention.h"

#include <algorithm>

#include "model/layers/attention/output.h"
#include "model/layers/attention/qkv.h"
#include "model/layers/attention/scores.h"
#include "model/layers/step_context.h"

namespace cascade::model {
namespace {

// Everything that does not change while one block attends.
struct AttendContext {
  KvCache& cache;
  MatF qkv;     // [rows, 3 * n_embd]
  MatF merged;  // [rows, n_embd]
  std::size_t head_dim;
  float scale;
};

// One head of one chunk, tile by tile: writes its keys and values, then lets its rows attend to all
// positions up to their own. `scores` is scratch for one tile.
void AttendHead(const AttendContext& context, const Chunk& chunk, HeadIndex head, float* scores) {
  const auto rows_of = [&](MatF heads) {
    return Head(heads, head.head, context.head_dim).Rows(chunk.row, chunk.tokens.size());
  };
  const MatF queries = rows_of(Queries(context.qkv));
  const MatF out = rows_of(context.merged);
  context.cache.Write(*chunk.blocks, head, chunk.start, rows_of(Keys(context.qkv)),
                      rows_of(Values(context.qkv)));
  // The rows' own keys and values are read back from the cache like all others, rounded to its
  // type: a row that took its own unrounded would have other bits than one whose prompt was cut
  // elsewhere.
  const HeadKeysValues keys_values = context.cache.Read(*chunk.blocks, head);
  for (std::size_t row = 0; row < queries.rows(); row += kernels::kAttentionRows) {
    const std::size_t count = std::min(kernels::kAttentionRows, queries.rows() - row);
    const std::size_t start = chunk.start + row;
    const kernels::ScoreTile tile(scores, count);
    AttentionScores(queries.Rows(row, count), keys_values, start, context.scale, tile);
    WeighValues(tile, keys_values, start, out.Rows(row, count));
  }
}

}  // namespace

void Attention(const AttentionWeights& weights, std::size_t layer, const StepContext& step,
               ConstMatF x, MatF hidden) {
  const MatF qkv = step.scratch.qkv.Rows(x.rows());
  const MatF merged = step.scratch.merged.Rows(x.rows());
  ProjectQkv(weights.c_attn, x, step.executor, step.scratch.matmul, qkv);

  const AttendContext context{.cache = step.cache,
                              .qkv = qkv,
                              .merged = merged,
                              .head_dim = step.config.head_dim(),
                              .scale = step.config.AttentionScale(layer)};
  const MatF scores = step.scratch.scores.Rows(step.scratch.scores.rows());
  step.executor.ForRanges(step.config.n_head, 1, [&](IndexRange heads) {
    // Ranges are disjoint, so the scratch of a range's first head is this range's alone.
    float* const own = scores.Row(heads.begin).data();
    for (const Chunk& chunk : step.batch.chunks()) {
      for (std::size_t head = heads.begin; head < heads.end; ++head) {
        AttendHead(context, chunk, {.layer = layer, .head = head}, own);
      }
    }
  });

  ProjectHeads(weights.c_proj, merged, step.executor, step.scratch.matmul, hidden);
}

}  // namespace cascade::model
