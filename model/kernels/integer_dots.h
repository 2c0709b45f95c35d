// SPDX-License-Identifier: Apache-2.0
// The kernel family of int8 and int16 activations. Private to this room: MatMul calls it.
//
// The input is rounded to 8 or 13 bits, with a scale for every group of 64 inputs of a row
// (rounded_rows.h), and multiplied with whole numbers: of 8 bits with int8 weights, or with int4
// weights, which stand for int8 ones (int4_dot_panels.h); of 13 bits with the 14 bits that bf16
// weights are rounded to (integer_panels.h). The sum of a group's products is an integer of at most
// 32 bits with its sign, so it is exact in whatever order a CPU computes it; the sums of the groups
// and the products of the row's outliers make one chain of fused multiply-adds.
//
//   Order    : acc = 0; for each group g, ascending: acc = fma(float(sum_i q[r, i] * q[i, o]),
//              scale[r, g], acc); for each outlier i, ascending: acc = fma(x[r, i], q[i, o], acc);
//              then, once, fma(acc, scale[o], bias[o]).
//   Max error: against the product of x with the same weights, before the activation:
//              sum_i |w[i, o]| * scale[r, g(i)] * 0.501 over all i but outliers, and
//              (n_in / 64 + 2 + outliers) * 2^-23 * (|bias| + sum_i |x * w|).
//              IntegerDotsTest.StaysWithinTheStatedError, Int16DotsTest
//   Inputs   : a row with a NaN or an infinity is NaN in all outputs.
//   Cost     : reads w once per row tile, as the float chains do, and a product of 64 inputs takes
//              16 instructions on a vector of 16 outputs, of 16 bits 32, where a float chain takes
//              64. int4 weights are multiplied as they lie by up to three rows, and unpacked once
//              for all rows of an M block if there are more.
#pragma once

#include <cstddef>

#include "model/executor.h"
#include "model/kernels/matmul.h"
#include "model/kernels/packed_matrix.h"
#include "model/kernels/panel.h"
#include "model/mat_view.h"

namespace cascade::model::kernels {

// The scales of a panel's 16 columns, with which all formats of this family end.
inline const float* DotScales(const PackedMatrix& w, std::size_t panel) {
  return reinterpret_cast<const float*>(w.Panel(panel) + w.panel_bytes()) - kPanelColumns;
}

// As MatMul. REQUIRES: at least one row; w.format().family is kIntegerDots.
void MultiplyIntegerDots(ConstMatF x, const PackedMatrix& w, const Epilogue& epilogue,
                         Executor& executor, MatMulScratch& scratch, MatF out);

}  // namespace cascade::model::kernels
