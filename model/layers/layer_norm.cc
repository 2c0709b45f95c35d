// SPDX-License-Identifier: Apache-2.0

#include "model/layers/layer_norm.h"

#include <cassert>
#include <cstddef>

#include "model/kernels/reductions.h"

namespace cascade::model {

void LayerNorm(const LayerNormWeights& weights, ConstMatF x, float eps, Executor& executor,
               MatF out) {
  assert(x.rows() == out.rows() && x.cols() == out.cols());
  assert(weights.gamma.size() == x.cols() && weights.beta.size() == x.cols());
  executor.ForRanges(x.rows(), 1, [&](IndexRange rows) {
    for (std::size_t r = rows.begin; r < rows.end; ++r) {
      kernels::NormalizeRow(x.Row(r), weights.gamma, weights.beta, eps, out.Row(r));
    }
  });
}

}  // namespace cascade::model
