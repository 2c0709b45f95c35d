// SPDX-License-Identifier: Apache-2.0
// The last layer norm, on the rows whose output is wanted: what checkpoint 8's logits are of.
//
//   out[i] = LayerNorm(hidden[row i of `rows`]; ln_f)
//
// Reference: Hugging Face GPT2Model.ln_f; `out` is what GPT2Model returns as last_hidden_state.
#pragma once

#include <span>

#include "model/executor.h"
#include "model/layers/layer_norm.h"
#include "model/mat_view.h"
#include "model/row_range.h"

namespace cascade::model {

//   hidden : [any, n_embd], the last block's output
//   rows   : which of its rows, in any order; a row may be asked for more than once
//   eps    : as LayerNorm's
//   out    : [CountRows(rows), n_embd], in the order of `rows`; no overlap with `hidden`
// Rows do not see each other: a row's bits are the same whichever others are asked for.
void FinalNorm(const LayerNormWeights& ln_f, ConstMatF hidden, std::span<const RowRange> rows,
               float eps, Executor& executor, MatF out);

}  // namespace cascade::model
