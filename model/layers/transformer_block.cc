#include "model/layers/transformer_block.h"

namespace cascade::model {

void TransformerBlock(const TransformerBlockWeights& weights, const ModelConfig& config,
                      std::size_t layer, const Batch& batch, KvCache& cache, Executor& executor,
                      LayerScratch& scratch, MatF hidden) {
  const MatF normed = scratch.normed.Rows(hidden.rows());
  LayerNorm(weights.ln_1, hidden, config.layer_norm_epsilon, executor, normed);
  Attention(weights.attn, config, layer, batch, normed, cache, executor, scratch, hidden);
  LayerNorm(weights.ln_2, hidden, config.layer_norm_epsilon, executor, normed);
  Ffn(weights.mlp, config.activation, normed, executor, scratch, hidden);
}

}  // namespace cascade::model
