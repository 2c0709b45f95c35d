// SPDX-License-Identifier: Apache-2.0

#include "model/layers/lm_head.h"

#include "model/layers/linear.h"

namespace cascade::model {

void LmHead(const kernels::PackedMatrix& head, ConstMatF x, Executor& executor,
            kernels::MatMulScratch& scratch, MatF logits) {
  Linear(LinearView(head), x, {}, executor, scratch, logits);
}

}  // namespace cascade::model
