// One block's attention on golden activations: what checkpoints 4 and 5 have in common.
#pragma once

#include <algorithm>
#include <cstddef>
#include <span>

#include "model/cache/kv_cache.h"
#include "model/config.h"
#include "model/kernels/attention.h"
#include "model/layers/attention/qkv.h"
#include "model/layers/attention/scores.h"
#include "model/layers/scratch.h"
#include "tests/checkpoints/golden_model.h"

namespace cascade::testing {

// Calls `body` for the tiles of rows [start, start + count): body(first, rows), `first` from 0.
template <typename Body>
void ForTiles(std::size_t count, Body body) {
  for (std::size_t first = 0; first < count; first += model::kernels::kAttentionRows) {
    body(first, std::min(model::kernels::kAttentionRows, count - first));
  }
}

// Memory for the scores of one tile whose rows see at most `positions` positions.
inline model::Tensor ScoreMemory(std::size_t positions) {
  return model::Tensor(1, model::kernels::ScoreTile::Floats(positions));
}

// A golden qkv buffer, [T, 3 * n_embd], and a cache of `positions` >= T positions into which its
// keys and values were written at [0, T).
class AttentionRun {
 public:
  AttentionRun(const model::ModelConfig& config, std::size_t layer, const GoldenTensor& qkv,
               std::size_t positions)
      : config_(config),
        layer_(layer),
        qkv_(CopyOf(qkv.AsMat())),
        cache_(*model::KvCache::Create(config, model::KvCache::BlocksFor(positions))),
        blocks_(*cache_.TryAllocate(positions)) {
    for (std::size_t head = 0; head < config.n_head; ++head) {
      cache_.Write(blocks_, Index(head), 0, Part(model::Keys(qkv_rows()), head),
                   Part(model::Values(qkv_rows()), head));
    }
  }

  std::size_t rows() const { return qkv_.rows(); }
  model::HeadKeysValues Read(std::size_t head) const { return cache_.Read(blocks_, Index(head)); }

  // Writes `value` to keys and values of `head` at [start, the table's end).
  void Spoil(std::size_t head, std::size_t start, float value) {
    model::Tensor rows(blocks_.capacity() - start, config_.head_dim());
    const model::MatF spoiled = rows.Rows(rows.rows());
    for (std::size_t r = 0; r < spoiled.rows(); ++r) {
      for (float& element : spoiled.Row(r)) element = value;
    }
    cache_.Write(blocks_, Index(head), start, spoiled, spoiled);
  }

  // Scores of rows [start, start + count) of `head`, as the layer computes them: [count, rows()].
  // The causal part; zero beyond, as the golden scores have it.
  model::Tensor Scores(std::size_t head, std::size_t start, std::size_t count) {
    model::Tensor causal(count, rows());
    model::Tensor memory = ScoreMemory(start + count);
    ForTiles(count, [&](std::size_t first, std::size_t tile_rows) {
      const model::kernels::ScoreTile tile(memory.Rows(1).data(), tile_rows);
      const std::size_t position = start + first;
      model::AttentionScores(Part(model::Queries(qkv_rows()), head).Rows(position, tile_rows),
                             Read(head), position, config_.AttentionScale(layer_), tile);
      for (std::size_t r = 0; r < tile_rows; ++r) {
        const std::span<float> row = causal.Rows(count).Row(first + r);
        for (std::size_t p = 0; p <= position + r; ++p) row[p] = tile.At(r, p);
      }
    });
    return causal;
  }

 private:
  model::HeadIndex Index(std::size_t head) const { return {layer_, head}; }
  model::MatF qkv_rows() { return qkv_.Rows(qkv_.rows()); }
  model::MatF Part(model::MatF part, std::size_t head) const {
    return model::Head(part, head, config_.head_dim());
  }

  const model::ModelConfig& config_;
  std::size_t layer_;
  model::Tensor qkv_;
  model::KvCache cache_;
  model::BlockTable blocks_;
};

}  // namespace cascade::testing
