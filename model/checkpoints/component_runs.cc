// SPDX-License-Identifier: Apache-2.0

#include "model/checkpoints/component_runs.h"

#include <algorithm>
#include <span>

#include "model/kernels/kv_block.h"
#include "model/layers/attention/qkv.h"
#include "model/layers/batch.h"
#include "model/layers/step_context.h"
#include "model/layers/transformer_block.h"
#include "model/token.h"

namespace cascade::model {

Tensor CopyOf(ConstMatF matrix) {
  Tensor copy(matrix.rows(), matrix.cols());
  for (std::size_t r = 0; r < matrix.rows(); ++r) {
    std::ranges::copy(matrix.Row(r), copy.Rows(matrix.rows()).Row(r).begin());
  }
  return copy;
}

Tensor ReadBack(const KvCache& cache, const BlockTable& blocks, HeadIndex head,
                std::size_t positions, std::size_t head_dim) {
  Tensor tensor(positions, 2 * head_dim);
  const MatF out = tensor.Rows(positions);
  const HeadKeysValues read = cache.Read(blocks, head);
  for (std::size_t p = 0; p < positions; ++p) {
    const std::size_t b = p / kernels::kBlockPositions;
    const std::size_t slot = p % kernels::kBlockPositions;
    kernels::ReadKey(cache.type(), read.keys.Block(b), slot, out.Row(p).first(head_dim));
    kernels::ReadValue(cache.type(), read.values.Block(b), slot, out.Row(p).subspan(head_dim));
  }
  return tensor;
}

Tensor KeysAndValues(MatF qkv, std::size_t head, std::size_t head_dim) {
  Tensor tensor(qkv.rows(), 2 * head_dim);
  const MatF out = tensor.Rows(qkv.rows());
  for (std::size_t r = 0; r < qkv.rows(); ++r) {
    std::ranges::copy(Head(Keys(qkv), head, head_dim).Row(r), out.Row(r).begin());
    std::ranges::copy(Head(Values(qkv), head, head_dim).Row(r),
                      out.Row(r).subspan(head_dim).begin());
  }
  return tensor;
}

void WriteInPieces(const ModelConfig& config, std::size_t layer, MatF qkv,
                   const std::vector<std::size_t>& pieces, const BlockTable& blocks,
                   KvCache& cache) {
  std::size_t start = 0;
  const auto write = [&](std::size_t rows) {
    for (std::size_t head = 0; head < config.n_head; ++head) {
      cache.Write(blocks, {layer, head}, start,
                  Head(Keys(qkv), head, config.head_dim()).Rows(start, rows),
                  Head(Values(qkv), head, config.head_dim()).Rows(start, rows));
    }
    start += rows;
  };
  for (const std::size_t rows : pieces) {
    if (start + rows <= qkv.rows()) write(rows);
  }
  if (start < qkv.rows()) write(qkv.rows() - start);
}

Tensor BlockOutput(const ModelConfig& config, const Gpt2Weights& weights, std::size_t layer,
                   ConstMatF hidden, std::size_t chunk, KvCache& cache, Executor& executor) {
  const std::size_t rows = hidden.rows();
  const std::vector<TokenId> tokens(rows);
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

}  // namespace cascade::model
