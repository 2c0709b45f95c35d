#include "model/layers/lm_head.h"

#include <algorithm>
#include <cassert>

namespace cascade::model {

void LmHead(const LmHeadWeights& weights, const StepContext& step, ConstMatF hidden,
            std::span<const std::size_t> rows, MatF logits) {
  assert(logits.rows() == rows.size());
  const MatF selected = step.scratch.merged.Rows(rows.size());
  for (std::size_t i = 0; i < rows.size(); ++i) {
    std::ranges::copy(hidden.Row(rows[i]), selected.Row(i).begin());
  }
  const MatF normed = step.scratch.normed.Rows(rows.size());
  LayerNorm(weights.ln_f, selected, step.config.layer_norm_epsilon, step.executor, normed);
  kernels::MatMul(normed, weights.head, {}, step.executor, step.scratch.matmul, logits);
}

}  // namespace cascade::model
