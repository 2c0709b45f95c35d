// SPDX-License-Identifier: Apache-2.0
// Attention scores: checkpoint 4.
//
//   scores[r, p] = q[r] . k[p] * scale        for p <= start + r (causal)
//
// Reference: Hugging Face GPT2Attention._attn, before the softmax.
#pragma once

#include <cstddef>

#include "model/cache/kv_cache.h"
#include "model/kernels/attention.h"
#include "model/mat_view.h"

namespace cascade::model {

// The scores of one head of one sequence, from the cache's keys.
//
//   q      : [scores.rows(), head_dim], any stride; row r is position start + r
//   scores : elements beyond start + r are unspecified
void AttentionScores(ConstMatF q, const HeadKeysValues& head, std::size_t start, float scale,
                     kernels::ScoreTile scores);

}  // namespace cascade::model
