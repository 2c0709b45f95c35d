// SPDX-License-Identifier: Apache-2.0

#include "model/layers/scratch.h"

#include "model/kernels/attention.h"

namespace cascade::model {
namespace {

constexpr std::size_t kFloatsPerCacheLine = 16;

std::size_t RoundUp(std::size_t n, std::size_t multiple) {
  return (n + multiple - 1) / multiple * multiple;
}

}  // namespace

Tensor::Tensor(std::size_t rows, std::size_t cols)
    : data_(rows * RoundUp(cols, kFloatsPerCacheLine)),
      rows_(rows),
      cols_(cols),
      stride_(RoundUp(cols, kFloatsPerCacheLine)) {}

LayerScratch::LayerScratch(const ModelConfig& config, std::size_t max_rows)
    : normed(max_rows, config.n_embd),
      qkv(max_rows, 3 * config.n_embd),
      merged(max_rows, config.n_embd),
      inner(max_rows, config.n_inner),
      scores(config.n_head, kernels::ScoreTile::Floats(config.n_ctx)) {}

}  // namespace cascade::model
