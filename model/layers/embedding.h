// SPDX-License-Identifier: Apache-2.0
// Token and position embeddings.
//
//   hidden[r] = wte[token(r)] + wpe[position(r)]
//
// Reference: Hugging Face GPT2Model.wte, .wpe.
#pragma once

#include <span>

#include "model/executor.h"
#include "model/kernels/packed_matrix.h"
#include "model/layers/batch.h"
#include "model/mat_view.h"

namespace cascade::model {

//   wte    : [n_embd, vocab_size], packed; column t is token t
//   wpe    : [n_ctx, n_embd]
//   hidden : [batch.rows(), n_embd]
// REQUIRES: tokens < vocab_size, positions < n_ctx.
void Embed(const kernels::PackedMatrix& wte, ConstMatF wpe, const Batch& batch, Executor& executor,
           MatF hidden);

}  // namespace cascade::model
