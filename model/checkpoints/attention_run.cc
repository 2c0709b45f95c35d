// SPDX-License-Identifier: Apache-2.0

#include "model/checkpoints/attention_run.h"

#include <span>

#include "model/checkpoints/component_runs.h"
#include "model/kernels/kv_block.h"
#include "model/layers/attention/output.h"
#include "model/layers/attention/qkv.h"
#include "model/layers/attention/scores.h"

namespace cascade::model {
namespace {

// Memory for the scores of one tile whose rows see at most `positions` positions.
Tensor ScoreMemory(std::size_t positions) {
  return Tensor(1, kernels::ScoreTile::Floats(positions));
}

}  // namespace

void ForTiles(std::size_t count, absl::FunctionRef<void(std::size_t, std::size_t)> body) {
  for (std::size_t first = 0; first < count; first += kernels::kAttentionRows) {
    body(first, std::min(kernels::kAttentionRows, count - first));
  }
}

AttentionRun::AttentionRun(const ModelConfig& config, std::size_t layer, const GoldenTensor& qkv,
                           KvCache& cache)
    : config_(config),
      layer_(layer),
      qkv_(CopyOf(qkv.AsMat())),
      cache_(cache),
      blocks_(*cache.TryAllocate(cache.num_blocks() * kernels::kBlockPositions)) {
  for (std::size_t head = 0; head < config.n_head; ++head) {
    cache_.Write(blocks_, Index(head), 0, Part(Keys(qkv_rows()), head),
                 Part(Values(qkv_rows()), head));
  }
}

void AttentionRun::Spoil(std::size_t head, std::size_t start, float value) {
  Tensor rows(blocks_.capacity() - start, config_.head_dim());
  const MatF spoiled = rows.Rows(rows.rows());
  for (std::size_t r = 0; r < spoiled.rows(); ++r) {
    for (float& element : spoiled.Row(r)) element = value;
  }
  cache_.Write(blocks_, Index(head), start, spoiled, spoiled);
}

Tensor AttentionRun::Scores(std::size_t head, std::size_t start, std::size_t count) {
  Tensor causal(count, rows());
  Tensor memory = ScoreMemory(start + count);
  ForTiles(count, [&](std::size_t first, std::size_t tile_rows) {
    const kernels::ScoreTile tile(memory.Rows(1).data(), tile_rows);
    const std::size_t position = start + first;
    AttentionScores(Part(Queries(qkv_rows()), head).Rows(position, tile_rows),
                    cache_.Read(blocks_, Index(head)), position, config_.AttentionScale(layer_),
                    tile);
    for (std::size_t r = 0; r < tile_rows; ++r) {
      const std::span<float> row = causal.Rows(count).Row(first + r);
      for (std::size_t p = 0; p <= position + r; ++p) row[p] = tile.At(r, p);
    }
  });
  return causal;
}

Tensor AttentionRun::Weighed(std::size_t head, ConstMatF scores, std::size_t start) const {
  Tensor memory = ScoreMemory(start + scores.rows());
  const kernels::ScoreTile tile(memory.Rows(1).data(), scores.rows());
  for (std::size_t r = 0; r < scores.rows(); ++r) {
    for (std::size_t p = 0; p <= start + r; ++p) tile.At(r, p) = scores.Row(r)[p];
  }
  Tensor out(scores.rows(), config_.head_dim());
  WeighValues(tile, cache_.Read(blocks_, Index(head)), start, out.Rows(scores.rows()));
  return out;
}

MatF AttentionRun::Part(MatF part, std::size_t head) const {
  return Head(part, head, config_.head_dim());
}

}  // namespace cascade::model
