// Attention output: checkpoint 5.
//
//   out[r] = sum_p softmax(scores[r])[p] * v[p]     per head; the heads side by side are `merged`
//   y      = residual + merged * c_proj + b_proj
//
// Reference: Hugging Face GPT2Attention._attn after the scores, _merge_heads, c_proj.
#pragma once

#include <cstddef>
#include <span>

#include "model/cache/kv_cache.h"
#include "model/executor.h"
#include "model/kernels/matmul.h"
#include "model/layers/linear.h"
#include "model/mat_view.h"

namespace cascade::model {

// The weighted values of one head of one sequence in block `head.layer`, from the cache's values.
//
//   scores : [rows, ...] as AttentionScores leaves them; overwritten
//   out    : [rows, head_dim], any stride
void WeighValues(MatF scores, const KvCache& cache, const BlockTable& blocks, HeadIndex head,
                 std::size_t start, MatF out);

// out = residual + merged * c_proj + b_proj. `merged` [rows, n_embd]; `out` may be exactly
// `residual`; `residual` may have no rows for none.
void ProjectHeads(const LinearWeights& c_proj, ConstMatF merged, ConstMatF residual,
                  Executor& executor, kernels::MatMulScratch& scratch, MatF out);

}  // namespace cascade::model
