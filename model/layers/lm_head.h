// SPDX-License-Identifier: Apache-2.0
// The language model head: checkpoints 8 and 9.
//
//   logits = x * W        W: wte transposed, or lm_head.weight
//
// No bias. Reference: Hugging Face GPT2LMHeadModel.lm_head.
#pragma once

#include "model/executor.h"
#include "model/kernels/matmul_scratch.h"
#include "model/kernels/packed_matrix.h"
#include "model/mat_view.h"

namespace cascade::model {

//   head    : [n_embd, vocab_size]; wte when tied
//   x       : [rows, n_embd], FinalNorm's output for the rows that are wanted
//   scratch : one user at a time
//   logits  : [rows, vocab_size]
void LmHead(const kernels::PackedMatrix& head, ConstMatF x, Executor& executor,
            kernels::MatMulScratch& scratch, MatF logits);

}  // namespace cascade::model
