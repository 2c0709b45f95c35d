// The language model head: checkpoints 8 and 9.
//
//   logits[i] = LayerNorm(hidden[rows[i]]; ln_f) * W        W: wte transposed, or lm_head.weight
//
// No bias. Computed only for the rows asked for. Reference: Hugging Face GPT2LMHeadModel.lm_head.
#pragma once

#include <cstddef>
#include <span>

#include "model/executor.h"
#include "model/kernels/matmul.h"
#include "model/kernels/packed_matrix.h"
#include "model/layers/layer_norm.h"
#include "model/mat_view.h"

namespace cascade::model {

//   hidden : [any, n_embd], the last block's output
//   rows   : which of its rows; any order
//   normed : [rows.size(), n_embd], scratch
//   logits : [rows.size(), vocab_size]
void LmHead(const LayerNormWeights& ln_f, float eps, const kernels::PackedMatrix& head,
            ConstMatF hidden, std::span<const std::size_t> rows, Executor& executor,
            kernels::MatMulScratch& scratch, MatF normed, MatF logits);

}  // namespace cascade::model
