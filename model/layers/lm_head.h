// The language model head: checkpoints 8 and 9.
//
//   logits[i] = LayerNorm(hidden[rows[i]]; ln_f) * W        W: wte transposed, or lm_head.weight
//
// No bias. Computed only for the rows asked for. Reference: Hugging Face GPT2LMHeadModel.lm_head.
#pragma once

#include <cstddef>
#include <span>

#include "model/kernels/packed_matrix.h"
#include "model/layers/layer_norm.h"
#include "model/layers/step_context.h"
#include "model/mat_view.h"

namespace cascade::model {

struct LmHeadWeights {
  const LayerNormWeights& ln_f;
  const kernels::PackedMatrix& head;  // [n_embd, vocab_size]: wte when tied
};

//   hidden : [any, n_embd], the last block's output
//   rows   : which of its rows, in any order; at most the scratch's rows
//   logits : [rows.size(), vocab_size]
// Uses scratch.merged (for the rows), scratch.normed and scratch.matmul.
void LmHead(const LmHeadWeights& weights, const StepContext& step, ConstMatF hidden,
            std::span<const std::size_t> rows, MatF logits);

}  // namespace cascade::model
