// SPDX-License-Identifier: Apache-2.0

#include "model/layers/attention/qkv.h"

namespace cascade::model {

void ProjectQkv(const LinearWeights& c_attn, ConstMatF x, Executor& executor,
                kernels::MatMulScratch& scratch, MatF qkv) {
  Linear(c_attn, x, {}, executor, scratch, qkv);
}

}  // namespace cascade::model
