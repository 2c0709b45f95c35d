// SPDX-License-Identifier: Apache-2.0
// The matrix product that every projection of the model is made of.
#pragma once

#include <cstddef>
#include <span>

#include "model/executor.h"
#include "model/kernels/activations.h"
#include "model/kernels/matmul_scratch.h"
#include "model/kernels/packed_matrix.h"
#include "model/mat_view.h"

namespace cascade::model::kernels {

// What is added to the sums of products, and what happens to them on their way to the output:
// out = residual + activation(bias + sum).
struct Epilogue {
  std::span<const float> bias = {};  // [n_out]; empty: zero
  Activation activation = Activation::kNone;
  ConstMatF residual = {};  // [rows, n_out], or no rows for none; may be exactly `out`
};

// out[r, o] = residual[r, o] + activation(bias[o] + sum_i x[r, i] * w[i, o])
//
//   x        : [rows, n_in], any stride
//   out      : [rows, n_out], any stride; overlaps nothing but, exactly, epilogue.residual
//   Partition: by output panels, so `executor` decides who computes an element, never how.
//   Order    : acc = bias[o]; acc = fma(x[r, i], w[i, o], acc), i ascending, in float32: one chain
//              an output. Bit-identical for every batch, split, thread count and SIMD target.
//   int8     : the chain starts at zero and takes whole numbers, q[i, o]; then, once,
//              fma(acc, scale[o], bias[o]). int4 is as floats are, w[i, o] being q * scale.
//   int8 activations, with int8 or int4 weights, and int16 activations, with bf16 weights: x is
//              rounded to whole numbers with a scale for every 64 inputs of a row, and the chain
//              takes one exact integer sum for each of these groups: integer_dots.h, with its own
//              maximum error and what it does with Inf and NaN.
//   Max error: |out - exact| <= n_in * 2^-23 * (|bias| + sum_i |x * w|) before the activation.
//              MatMulTest.StaysWithinTheStatedError
//   Inputs   : Inf and NaN propagate as in IEEE 754.
//   Cost     : reads w once per row tile. Memory-bound at rows = 1 (decode), FMA-bound from about
//              32 rows on (prefill). tests/bench/matmul_bench.cc
void MatMul(ConstMatF x, const PackedMatrix& w, const Epilogue& epilogue, Executor& executor,
            MatMulScratch& scratch, MatF out);

}  // namespace cascade::model::kernels
