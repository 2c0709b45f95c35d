#include "model/layers/ffn.h"

namespace cascade::model {

void Ffn(const FfnWeights& weights, kernels::Activation activation, ConstMatF x, Executor& executor,
         LayerScratch& scratch, MatF hidden) {
  const MatF inner = scratch.inner.Rows(x.rows());
  kernels::MatMul(x, weights.c_fc.weight, {.bias = weights.c_fc.bias, .activation = activation},
                  executor, scratch.matmul, inner);
  kernels::MatMul(inner, weights.c_proj.weight, {.bias = weights.c_proj.bias, .residual = hidden},
                  executor, scratch.matmul, hidden);
}

}  // namespace cascade::model
