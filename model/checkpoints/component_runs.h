// SPDX-License-Identifier: Apache-2.0
// Single components, run as the checkpoints and their property tests want them.
#pragma once

#include <cstddef>
#include <vector>

#include "model/cache/kv_cache.h"
#include "model/config.h"
#include "model/executor.h"
#include "model/layers/scratch.h"
#include "model/mat_view.h"
#include "model/weights/gpt2_weights.h"

namespace cascade::model {

// A copy whose rows are aligned, as the kernels require.
Tensor CopyOf(ConstMatF matrix);

// Keys, then values, of `head` as the cache holds them at positions [0, positions):
// [positions, 2 * head_dim].
Tensor ReadBack(const KvCache& cache, const BlockTable& blocks, HeadIndex head,
                std::size_t positions, std::size_t head_dim);

// Keys, then values, of `head` in a qkv buffer, likewise.
Tensor KeysAndValues(MatF qkv, std::size_t head, std::size_t head_dim);

// Writes keys and values of all heads of `layer` in pieces of the given numbers of rows, as far as
// the rows go; what is left over goes in one last piece.
void WriteInPieces(const ModelConfig& config, std::size_t layer, MatF qkv,
                   const std::vector<std::size_t>& pieces, const BlockTable& blocks,
                   KvCache& cache);

// What transformer block `layer` makes of `hidden`, the positions from 0 of one sequence, which
// goes through it at most `chunk` positions at a time. REQUIRES: `cache` has room for the rows.
Tensor BlockOutput(const ModelConfig& config, const Gpt2Weights& weights, std::size_t layer,
                   ConstMatF hidden, std::size_t chunk, KvCache& cache, Executor& executor);

}  // namespace cascade::model
