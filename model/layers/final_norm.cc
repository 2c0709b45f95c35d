// SPDX-License-Identifier: Apache-2.0

#include "model/layers/final_norm.h"

#include <algorithm>
#include <cassert>
#include <cstddef>

namespace cascade::model {

void FinalNorm(const LayerNormWeights& ln_f, ConstMatF hidden, std::span<const RowRange> rows,
               float eps, Executor& executor, MatF out) {
  assert(out.rows() == CountRows(rows));
  // Gathered first and normalized in place, so that the executor is called once for all ranges: in
  // a step of many decoding sequences each range may be a single row.
  std::size_t next = 0;
  for (const RowRange& range : rows) {
    for (std::size_t row = range.first; row < range.end(); ++row) {
      std::ranges::copy(hidden.Row(row), out.Row(next++).begin());
    }
  }
  LayerNorm(ln_f, out, eps, executor, out);
}

}  // namespace cascade::model
