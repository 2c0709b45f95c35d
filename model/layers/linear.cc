// SPDX-License-Identifier: Apache-2.0

#include "model/layers/linear.h"

#include "model/kernels/matmul.h"

namespace cascade::model {

void Linear(const LinearView& weights, ConstMatF x, const LinearEpilogue& epilogue,
            Executor& executor, kernels::MatMulScratch& scratch, MatF out) {
  kernels::MatMul(
      x, weights.weight,
      {.bias = weights.bias, .activation = epilogue.activation, .residual = epilogue.residual},
      executor, scratch, out);
}

}  // namespace cascade::model
