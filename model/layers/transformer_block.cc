// SPDX-License-Identifier: Apache-2.0

#include "model/layers/transformer_block.h"

#include "model/layers/step_context.h"

namespace cascade::model {

void TransformerBlock(const TransformerBlockWeights& weights, std::size_t layer,
                      const StepContext& step, MatF hidden) {
  const float eps = step.config.layer_norm_epsilon;
  const MatF normed = step.scratch.normed.Rows(hidden.rows());
  LayerNorm(weights.ln_1, hidden, eps, step.executor, normed);
  Attention(weights.attn, layer, step, normed, hidden);
  LayerNorm(weights.ln_2, hidden, eps, step.executor, normed);
  Ffn(weights.mlp, step.config.activation, normed, step.executor, step.scratch, hidden);
}

}  // namespace cascade::model
