// SPDX-License-Identifier: Apache-2.0
// Query, key and value projection: checkpoint 2.
//
//   qkv = x * c_attn + b_attn        [rows, 3 * n_embd]
//
// Columns [0, n_embd) are the queries, then the keys, then the values; head h of each is columns
// [h * head_dim, (h + 1) * head_dim). Reference: Hugging Face GPT2Attention.c_attn, _split_heads.
#pragma once

#include <cstddef>

#include "model/executor.h"
#include "model/kernels/matmul_scratch.h"
#include "model/layers/linear.h"
#include "model/mat_view.h"

namespace cascade::model {

// Writes the projection of `x`, [rows, n_embd], to `qkv`, [rows, 3 * n_embd].
void ProjectQkv(const LinearWeights& c_attn, ConstMatF x, Executor& executor,
                kernels::MatMulScratch& scratch, MatF qkv);

// The three parts of a qkv buffer, each [rows, n_embd]. Views into `qkv`.
inline MatF Queries(MatF qkv) { return qkv.Columns(0, qkv.cols() / 3); }
inline MatF Keys(MatF qkv) { return qkv.Columns(qkv.cols() / 3, qkv.cols() / 3); }
inline MatF Values(MatF qkv) { return qkv.Columns(2 * (qkv.cols() / 3), qkv.cols() / 3); }

// Columns of one head, [rows, head_dim]. A view.
inline MatF Head(MatF heads, std::size_t head, std::size_t head_dim) {
  return heads.Columns(head * head_dim, head_dim);
}

}  // namespace cascade::model
