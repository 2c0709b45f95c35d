#include "model/layers/attention/output.h"

#include <array>
#include <cassert>

#include "model/kernels/attention.h"
#include "model/layers/scratch.h"

namespace cascade::model {

void WeighValues(MatF scores, const HeadKeysValues& head, std::size_t start, MatF out) {
  assert(scores.rows() <= kAttentionTileRows);
  std::array<float, kAttentionTileRows> storage;
  const std::span<float> sums(storage.data(), scores.rows());
  kernels::AttentionExp(start, scores, sums);
  kernels::AttentionValues(scores, head.values, start, sums, out);
}

void ProjectHeads(const LinearWeights& c_proj, ConstMatF merged, Executor& executor,
                  kernels::MatMulScratch& scratch, MatF hidden) {
  kernels::MatMul(merged, c_proj.weight, {.bias = c_proj.bias, .residual = hidden}, executor,
                  scratch, hidden);
}

}  // namespace cascade::model
