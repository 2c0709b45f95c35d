#include "model/layers/lm_head.h"

#include <algorithm>
#include <cassert>

namespace cascade::model {

void LmHead(const LmHeadWeights& weights, float eps, ConstMatF hidden,
            std::span<const std::size_t> rows, Executor& executor, LayerScratch& scratch,
            MatF logits) {
  assert(logits.rows() == rows.size());
  const MatF selected = scratch.merged.Rows(rows.size());
  for (std::size_t i = 0; i < rows.size(); ++i) {
    std::ranges::copy(hidden.Row(rows[i]), selected.Row(i).begin());
  }
  const MatF normed = scratch.normed.Rows(rows.size());
  LayerNorm(weights.ln_f, selected, eps, executor, normed);
  kernels::MatMul(normed, weights.head, {}, executor, scratch.matmul, logits);
}

}  // namespace cascade::model
