// SPDX-License-Identifier: Apache-2.0
// Attention output: checkpoint 5.
//
//   out[r] = sum_p softmax(scores[r])[p] * v[p]     per head; the heads side by side are `merged`
//   hidden += merged * c_proj + b_proj
//
// Reference: Hugging Face GPT2Attention._attn after the scores, _merge_heads, c_proj.
#pragma once

#include <cstddef>
#include <span>

#include "model/cache/kv_cache.h"
#include "model/executor.h"
#include "model/kernels/attention.h"
#include "model/kernels/matmul_scratch.h"
#include "model/layers/linear.h"
#include "model/mat_view.h"

namespace cascade::model {

// The weighted values of one head of one sequence, from the cache's values.
//
//   scores : as AttentionScores leaves them; overwritten
//   out    : [scores.rows(), head_dim], any stride
void WeighValues(kernels::ScoreTile scores, const HeadKeysValues& head, std::size_t start,
                 MatF out);

// hidden += merged * c_proj + b_proj.
//   merged, hidden : [rows, n_embd]; they must not overlap
void ProjectHeads(const LinearWeights& c_proj, ConstMatF merged, Executor& executor,
                  kernels::MatMulScratch& scratch, MatF hidden);

}  // namespace cascade::model
