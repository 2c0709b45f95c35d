#include "model/layers/attention/qkv.h"

namespace cascade::model {

void ProjectQkv(const LinearWeights& c_attn, ConstMatF x, Executor& executor,
                kernels::MatMulScratch& scratch, MatF qkv) {
  kernels::MatMul(x, c_attn.weight, {.bias = c_attn.bias}, executor, scratch, qkv);
}

}  // namespace cascade::model
