// SPDX-License-Identifier: Apache-2.0
// One block's attention on golden activations: what checkpoints 4 and 5 have in common.
#pragma once

#include <algorithm>
#include <cstddef>

#include "absl/functional/function_ref.h"
#include "model/cache/kv_cache.h"
#include "model/checkpoints/golden_data.h"
#include "model/config.h"
#include "model/kernels/attention.h"
#include "model/layers/scratch.h"
#include "model/mat_view.h"

namespace cascade::model {

// Calls `body` for the tiles of `count` rows: body(first, rows), `first` from 0.
void ForTiles(std::size_t count, absl::FunctionRef<void(std::size_t, std::size_t)> body);

// Golden queries, keys and values, [T, 3 * n_embd], whose keys and values lie in a cache.
class AttentionRun {
 public:
  // Writes the keys and values of every head of `layer` at positions [0, T) of one block table that
  // takes the whole cache. Borrows `config` and `cache`. REQUIRES: no block of the cache is in use,
  // and it has room for T positions.
  AttentionRun(const ModelConfig& config, std::size_t layer, const GoldenTensor& qkv,
               KvCache& cache);

  std::size_t rows() const { return qkv_.rows(); }

  // Writes `value` to keys and values of `head` at [start, the end of the block table).
  void Spoil(std::size_t head, std::size_t start, float value);

  // Scores of rows [start, start + count) of `head`, as the layer computes them: [count, rows()].
  // The causal part; zero beyond, as in the golden scores.
  Tensor Scores(std::size_t head, std::size_t start, std::size_t count);

  // Weighs the values of `head` by the scores of rows [start, start + scores.rows()), one tile:
  // [scores.rows(), head_dim].
  Tensor Weighed(std::size_t head, ConstMatF scores, std::size_t start) const;

 private:
  HeadIndex Index(std::size_t head) const { return {layer_, head}; }
  MatF qkv_rows() { return qkv_.Rows(qkv_.rows()); }
  MatF Part(MatF part, std::size_t head) const;

  const ModelConfig& config_;
  std::size_t layer_;
  Tensor qkv_;
  KvCache& cache_;
  BlockTable blocks_;
};

}  // namespace cascade::model
