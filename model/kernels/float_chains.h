// SPDX-License-Identifier: Apache-2.0
// The kernel family of float32 activations. Private to this room: MatMul calls it.
//
// Every output is one chain of fused multiply-adds in a float32 accumulator, over all inputs in
// ascending order; SIMD lanes are outputs. It reads every panel format that widens a weight to a
// float: f32, bf16, f16, int8 and int4.
//
//   Order    : acc = bias[o]; acc = fma(x[r, i], w[i, o], acc), i ascending.
//   int8     : the chain starts at zero and takes whole numbers, q[i, o]; then, once,
//              fma(acc, scale[o], bias[o]). int4 is as floats are, w[i, o] being q * scale.
//   Max error: n_in * 2^-23 * (|bias| + sum_i |x * w|) before the activation.
#pragma once

#include "model/executor.h"
#include "model/kernels/matmul.h"
#include "model/kernels/packed_matrix.h"
#include "model/mat_view.h"

namespace cascade::model::kernels {

// As MatMul. REQUIRES: at least one row; w.format().family is kFloatChains.
void MultiplyFloatChains(ConstMatF x, const PackedMatrix& w, const Epilogue& epilogue,
                         Executor& executor, MatMulScratch& scratch, MatF out);

}  // namespace cascade::model::kernels
