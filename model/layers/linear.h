// SPDX-License-Identifier: Apache-2.0
// An affine map: what c_attn, c_fc and both c_proj are, and, without a bias, the head.
//
//   out = residual + activation(x * weight + bias)
//
// Every product of weights and activations in the model goes through this function: an adapter
// beside the weights (LoRA), say, belongs here. Reference: Hugging Face Conv1D, torch.nn.Linear.
#pragma once

#include <span>
#include <vector>

#include "model/executor.h"
#include "model/kernels/activations.h"
#include "model/kernels/matmul_scratch.h"
#include "model/kernels/packed_matrix.h"
#include "model/mat_view.h"

namespace cascade::model {

struct LinearWeights {
  kernels::PackedMatrix weight;  // [n_in, n_out]  Hugging Face: Conv1D.weight, in that layout
  std::vector<float> bias;       // [n_out]        Hugging Face: Conv1D.bias
};

// The weights of one map, borrowed: of a LinearWeights, or a matrix without a bias.
struct LinearView {
  LinearView(const LinearWeights& weights)  // NOLINT(google-explicit-constructor): a view
      : weight(weights.weight), bias(weights.bias) {}
  explicit LinearView(const kernels::PackedMatrix& matrix) : weight(matrix) {}

  const kernels::PackedMatrix& weight;
  std::span<const float> bias = {};  // empty: none
};

// What happens to x * weight + bias on its way to the output.
struct LinearEpilogue {
  kernels::Activation activation = kernels::Activation::kNone;
  ConstMatF residual = {};  // [rows, n_out], or no rows for none; may be exactly `out`
};

//   x       : [rows, n_in], any stride
//   out     : [rows, n_out], any stride; overlaps nothing but, exactly, epilogue.residual
//   scratch : one user at a time
// Precision, order and cost: kernels::MatMul.
void Linear(const LinearView& weights, ConstMatF x, const LinearEpilogue& epilogue,
            Executor& executor, kernels::MatMulScratch& scratch, MatF out);

}  // namespace cascade::model
