// SPDX-License-Identifier: Apache-2.0
// Causal multi-head self-attention over the cache: checkpoints 2 to 5 put together.
//
// Reference: Hugging Face GPT2Attention.forward with a past.
#pragma once

#include <cstddef>

#include "model/layers/linear.h"
#include "model/mat_view.h"

namespace cascade::model {

struct StepContext;

struct AttentionWeights {
  LinearWeights c_attn;  // [n_embd, 3 * n_embd]
  LinearWeights c_proj;  // [n_embd, n_embd]
};

// hidden += Attention(x) for block `layer`, in four passes: project; write keys and values to the
// cache at the batch's positions; attend, head by head and chunk by chunk; project back. The middle
// two are one loop, split over heads.
//
//   x      : [rows, n_embd], normalized; the batch's rows
//   hidden : [rows, n_embd]
void Attention(const AttentionWeights& weights, std::size_t layer, const StepContext& step,
               ConstMatF x, MatF hidden);

}  // namespace cascade::model
