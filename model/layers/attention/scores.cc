// SPDX-License-Identifier: Apache-2.0

#include "model/layers/attention/scores.h"

namespace cascade::model {

void AttentionScores(ConstMatF q, const HeadKeysValues& head, std::size_t start, float scale,
                     kernels::ScoreTile scores) {
  kernels::AttentionScores(q, head.keys, start, scale, scores);
}

}  // namespace cascade::model
