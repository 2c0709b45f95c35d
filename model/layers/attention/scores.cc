#include "model/layers/attention/scores.h"

#include "model/kernels/attention.h"

namespace cascade::model {

void AttentionScores(ConstMatF q, const HeadKeysValues& head, std::size_t start, float scale,
                     MatF scores) {
  kernels::AttentionScores(q, head.keys, start, scale, scores);
}

}  // namespace cascade::model
