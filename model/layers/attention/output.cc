// SPDX-License-Identifier: Apache-2.0

#include "model/layers/attention/output.h"

#include <array>

namespace cascade::model {

void WeighValues(kernels::ScoreTile scores, const HeadKeysValues& head, std::size_t start,
                 MatF out) {
  std::array<float, kernels::kAttentionRows> storage;
  const std::span<float> sums(storage.data(), scores.rows());
  kernels::PrefetchFirst(head.values);
  kernels::AttentionExp(start, scores, sums);
  kernels::AttentionValues(scores, head.values, start, sums, out);
}

void ProjectHeads(const LinearWeights& c_proj, ConstMatF merged, Executor& executor,
                  kernels::MatMulScratch& scratch, MatF hidden) {
  Linear(c_proj, merged, {.residual = hidden}, executor, scratch, hidden);
}

}  // namespace cascade::model
