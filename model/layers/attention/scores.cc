#include "model/layers/attention/scores.h"

#include "model/kernels/attention.h"

namespace cascade::model {

void AttentionScores(ConstMatF q, const KvCache& cache, const BlockTable& blocks, HeadIndex head,
                     std::size_t start, float scale, MatF scores) {
  kernels::AttentionScores(q, cache.Keys(blocks, head), start, scale, scores);
}

}  // namespace cascade::model
