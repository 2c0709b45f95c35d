// SPDX-License-Identifier: Apache-2.0
// The feed-forward network: checkpoint 6.
//
//   hidden += activation(x * c_fc + b_fc) * c_proj + b_proj
//
// The residual is fused into the last product. Reference: Hugging Face GPT2MLP, and GPT2Block's
// sum.
#pragma once

#include "model/executor.h"
#include "model/kernels/activations.h"
#include "model/layers/linear.h"
#include "model/layers/scratch.h"
#include "model/mat_view.h"

namespace cascade::model {

struct FfnWeights {
  LinearWeights c_fc;    // [n_embd, n_inner]
  LinearWeights c_proj;  // [n_inner, n_embd]
};

// hidden += Ffn(x).
//
//   x, hidden : [rows, n_embd]; they must not overlap
// Uses scratch.inner and scratch.matmul.
void Ffn(const FfnWeights& weights, kernels::Activation activation, ConstMatF x, Executor& executor,
         LayerScratch& scratch, MatF hidden);

}  // namespace cascade::model
