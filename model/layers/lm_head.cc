#include "model/layers/lm_head.h"

namespace cascade::model {

void LmHead(const kernels::PackedMatrix& head, ConstMatF x, Executor& executor,
            kernels::MatMulScratch& scratch, MatF logits) {
  kernels::MatMul(x, head, {}, executor, scratch, logits);
}

}  // namespace cascade::model
