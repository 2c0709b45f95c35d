// SPDX-License-Identifier: Apache-2.0

#include "model/kernels/attention.h"

#include <algorithm>
#include <cassert>

#include "model/kernels/highway_config.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "model/kernels/attention.cc"
#include "hwy/foreach_target.h"
#include "hwy/highway.h"
#include "model/kernels/attention_exp-inl.h"
#include "model/kernels/attention_integer_scores-inl.h"
#include "model/kernels/attention_integer_values-inl.h"
#include "model/kernels/attention_scores-inl.h"
#include "model/kernels/attention_values-inl.h"
#include "model/kernels/element_types.h"

HWY_BEFORE_NAMESPACE();
namespace cascade::model::kernels {
namespace HWY_NAMESPACE {

void ScoreTileRows(ConstMatF q, const HeadBlocks& keys, std::size_t start, float scale,
                   ScoreTile scores) {
  switch (keys.type) {
    case KvType::kF32:
      return ScoreAll<F32Reader>(q, keys, start, scale, scores);
    case KvType::kBf16:
      return ScoreAll<Bf16Reader>(q, keys, start, scale, scores);
    case KvType::kF16:
      return ScoreAll<F16Reader>(q, keys, start, scale, scores);
    case KvType::kInt8:
      return ForRowsOf(IntegerScorePass(q, keys, start, scale, scores), q.rows());
  }
}

void ExpTileRows(std::size_t start, ScoreTile scores, std::span<float> sums) {
  ForRowsOf<ExpPass, kExpRows>(ExpPass(start, scores, sums), scores.rows());
}

void WeighTileRows(ScoreTile weights, const HeadBlocks& values, std::size_t start,
                   std::span<const float> sums, MatF out) {
  switch (values.type) {
    case KvType::kF32:
      return WeighAll<F32Reader>(weights, values, start, sums, out);
    case KvType::kBf16:
      return WeighAll<Bf16Reader>(weights, values, start, sums, out);
    case KvType::kF16:
      return WeighAll<F16Reader>(weights, values, start, sums, out);
    case KvType::kInt8:
      return WeighIntegers(weights, values, start, sums, out);
  }
}

}  // namespace HWY_NAMESPACE
}  // namespace cascade::model::kernels
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace cascade::model::kernels {

HWY_EXPORT(ScoreTileRows);
HWY_EXPORT(ExpTileRows);
HWY_EXPORT(WeighTileRows);

void AttentionScores(ConstMatF q, const HeadBlocks& keys, std::size_t start, float scale,
                     ScoreTile scores) {
  assert(scores.rows() == q.rows() && keys.ids.size() * kBlockPositions >= start + q.rows());
  HWY_DYNAMIC_DISPATCH(ScoreTileRows)(q, keys, start, scale, scores);
}

void PrefetchFirst(const HeadBlocks& blocks) {
  constexpr std::size_t kBlocks = 4;
  constexpr std::size_t kMaxBytes = 2048;
  for (std::size_t b = 0; b < std::min(kBlocks, blocks.ids.size()); ++b) {
    for (std::size_t byte = 0; byte < std::min(kMaxBytes, blocks.stride); byte += 64) {
      hwy::Prefetch(blocks.Block(b) + byte);
    }
  }
}

void AttentionExp(std::size_t start, ScoreTile scores, std::span<float> sums) {
  assert(sums.size() == scores.rows());
  HWY_DYNAMIC_DISPATCH(ExpTileRows)(start, scores, sums);
}

void AttentionValues(ScoreTile weights, const HeadBlocks& values, std::size_t start,
                     std::span<const float> sums, MatF out) {
  assert(weights.rows() == out.rows() && sums.size() == out.rows());
  assert(values.ids.size() * kBlockPositions >= start + out.rows());
  HWY_DYNAMIC_DISPATCH(WeighTileRows)(weights, values, start, sums, out);
}

}  // namespace cascade::model::kernels
#endif  // HWY_ONCE
