// SPDX-License-Identifier: Apache-2.0
// Layer normalization: checkpoint 1.
//
//   y[r, c] = (x[r, c] - mean[r]) / sqrt(var[r] + eps) * gamma[c] + beta[c]
//
// `mean` and `var` run over the columns of one row; `var` is the biased variance (divide by
// n_embd), as in GPT-2. Rows do not see each other, so a row's result does not depend on the batch.
//
// Reference: torch.nn.LayerNorm (Hugging Face: ln_1, ln_2, ln_f).
#pragma once

#include <vector>

#include "model/executor.h"
#include "model/mat_view.h"

namespace cascade::model {

struct LayerNormWeights {
  std::vector<float> gamma;  // [n_embd]  Hugging Face: ln_*.weight
  std::vector<float> beta;   // [n_embd]  Hugging Face: ln_*.bias
};

// Writes the normalized rows of `x` to `out`.
//
//   x, out : [rows, n_embd], any row stride. `out` may be exactly `x`; a partial overlap is not
//            allowed.
//   eps    : added to the variance before the square root. eps > 0.
//
// Precision: sums go into 16 virtual lanes and a fixed tree; no bit depends on batch, threads or
// CPU. Errors: none at run time; shapes were checked when the weights were loaded. Cost: three
// passes over each row; no allocation.
void LayerNorm(const LayerNormWeights& weights, ConstMatF x, float eps, Executor& executor,
               MatF out);

}  // namespace cascade::model
