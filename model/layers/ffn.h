// The feed-forward network: checkpoint 6.
//
//   out = residual + activation(x * c_fc + b_fc) * c_proj + b_proj
//
// Reference: Hugging Face GPT2MLP (and the residual of GPT2Block, fused into the last product).
#pragma once

#include "model/executor.h"
#include "model/kernels/matmul.h"
#include "model/layers/linear.h"
#include "model/mat_view.h"

namespace cascade::model {

struct FfnWeights {
  LinearWeights c_fc;    // [n_embd, n_inner]
  LinearWeights c_proj;  // [n_inner, n_embd]
};

// The two halves of scratch that Ffn needs; the caller keeps them between calls.
struct FfnScratch {
  MatF inner;  // [rows, n_inner]
  kernels::MatMulScratch* matmul = nullptr;
};

//   x        : [rows, n_embd]
//   residual : [rows, n_embd], or no rows for none
//   out      : [rows, n_embd]; may be exactly `residual`, and must not overlap `x`
// No allocation but scratch's first growth.
void Ffn(const FfnWeights& weights, kernels::Activation activation, ConstMatF x, ConstMatF residual,
         Executor& executor, const FfnScratch& scratch, MatF out);

}  // namespace cascade::model
