// SPDX-License-Identifier: Apache-2.0
// One transformer block: checkpoint 7.
//
//   hidden += Attention(LayerNorm(hidden; ln_1))
//   hidden += Ffn(LayerNorm(hidden; ln_2))
//
// Pre-norm, two residuals. Reference: Hugging Face GPT2Block.
#pragma once

#include <cstddef>

#include "model/layers/attention/attention.h"
#include "model/layers/ffn.h"
#include "model/layers/layer_norm.h"
#include "model/mat_view.h"

namespace cascade::model {

struct StepContext;

struct TransformerBlockWeights {
  LayerNormWeights ln_1;
  AttentionWeights attn;
  LayerNormWeights ln_2;
  FfnWeights mlp;
};

// Updates `hidden`, [step.batch.rows(), n_embd], in place for block `layer`, and writes the keys
// and values of the batch's rows to the cache.
void TransformerBlock(const TransformerBlockWeights& weights, std::size_t layer,
                      const StepContext& step, MatF hidden);

}  // namespace cascade::model
