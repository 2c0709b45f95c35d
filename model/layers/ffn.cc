// SPDX-License-Identifier: Apache-2.0

#include "model/layers/ffn.h"

namespace cascade::model {

void Ffn(const FfnWeights& weights, kernels::Activation activation, ConstMatF x, Executor& executor,
         LayerScratch& scratch, MatF hidden) {
  const MatF inner = scratch.inner.Rows(x.rows());
  Linear(weights.c_fc, x, {.activation = activation}, executor, scratch.matmul, inner);
  Linear(weights.c_proj, inner, {.residual = hidden}, executor, scratch.matmul, hidden);
}

}  // namespace cascade::model
