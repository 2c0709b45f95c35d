// SPDX-License-Identifier: Apache-2.0
// The first product of attention: queries times keys.
#include "model/kernels/attention_tile-inl.h"
#include "model/kernels/float_rows-inl.h"
#include "model/kernels/kv_block.h"

#if defined(CASCADE_MODEL_KERNELS_ATTENTION_SCORES_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef CASCADE_MODEL_KERNELS_ATTENTION_SCORES_INL_H_
#undef CASCADE_MODEL_KERNELS_ATTENTION_SCORES_INL_H_
#else
#define CASCADE_MODEL_KERNELS_ATTENTION_SCORES_INL_H_
#endif

#include <algorithm>

HWY_BEFORE_NAMESPACE();
namespace cascade::model::kernels {
namespace HWY_NAMESPACE {

// The queries of several rows are copied to the stack, at a distance that is known when compiling:
// 272 floats, 17 cache lines, so that the rows do not compete for the same sets of the first-level
// cache as rows of a power of two would. Heads wider than 256 go row by row.
constexpr std::size_t kMaxSharedHeadDim = 256;
constexpr std::size_t kQueryStride = kMaxSharedHeadDim + 16;

// The scores of one head for the rows of a tile.
template <class Reader>
class ScorePass {
 public:
  ScorePass(ConstMatF q, const HeadBlocks& keys, std::size_t start, float scale, ScoreTile scores)
      : q_(q), keys_(keys), start_(start), scale_(scale), scores_(scores) {}

  template <std::size_t kRows>
  void Run(std::size_t first) const {
    if constexpr (kRows == 1) {
      ScoreRows<1>(first, q_.Row(first).data());
    } else {
      HWY_ALIGN float queries[kQueryStride * kRows];
      for (std::size_t r = 0; r < kRows; ++r) {
        std::ranges::copy(q_.Row(first + r), queries + r * kQueryStride);
      }
      ScoreRows<kRows>(first, queries);
    }
  }

 private:
  // Multiplies with all blocks that the last of the rows sees; scores that an earlier row does not
  // see are computed as well, and masked later. `queries` is [kRows][kQueryStride].
  template <std::size_t kRows>
  HWY_INLINE void ScoreRows(std::size_t first, const float* queries) const {
    constexpr std::size_t kBlocks =
        std::clamp<std::size_t>(VectorsFor(kRows) / kPanelVectors, 1, 4);
    const std::size_t blocks = (start_ + first + kRows - 1) / kBlockPositions + 1;
    std::size_t b = 0;
    for (; b + kBlocks <= blocks; b += kBlocks) ScoreBlocks<kRows, kBlocks>(first, queries, b);
    for (; b < blocks; ++b) ScoreBlocks<kRows, 1>(first, queries, b);
  }

  template <std::size_t kRows, std::size_t kBlocks>
  HWY_INLINE void ScoreBlocks(std::size_t first, const float* queries, std::size_t b) const {
    constexpr std::size_t kGroupBytes = Reader::GroupBytes(kBlockPositions);
    const std::byte* block[kBlocks];
    const std::byte* next[kBlocks];
    for (std::size_t i = 0; i < kBlocks; ++i) {
      block[i] = keys_.Block(b + i);
      next[i] = keys_.Block(std::min(b + kBlocks + i, keys_.ids.size() - 1));
    }
    FloatVector chains[kRows][kBlocks * kPanelVectors];
    Clear(chains);
    // Keys are transposed, so each step is one element of every row's query times that element of
    // 16 keys, and no sum across lanes is needed. The next blocks are prefetched row group by row
    // group: a table's blocks may lie anywhere, so the hardware cannot know what comes next.
    const std::size_t whole = q_.cols() / Reader::kGroupRows;
    for (std::size_t group = 0; group < whole; ++group) {
      CASCADE_UNROLL
      for (std::size_t i = 0; i < kBlocks; ++i) hwy::Prefetch(next[i] + group * kGroupBytes);
      CASCADE_UNROLL
      for (std::size_t row = 0; row < Reader::kGroupRows; ++row) {
        MultiplyRow(block, group * kGroupBytes, row, queries, chains);
        ++queries;
      }
    }
    if (whole * Reader::kGroupRows < q_.cols()) {
      MultiplyRow(block, whole * kGroupBytes, 0, queries, chains);
    }
    StoreScores(chains, first, b);
  }

  // chains[r][v] += queries[r] * keys of one row of a row group.
  template <std::size_t kRows, std::size_t kVectors, std::size_t kBlocks>
  static HWY_INLINE void MultiplyRow(const std::byte* (&block)[kBlocks], std::size_t offset,
                                     std::size_t row, const float* queries,
                                     FloatVector (&chains)[kRows][kVectors]) {
    const FloatTag d;
    FloatVector key[kVectors];
    CASCADE_UNROLL
    for (std::size_t v = 0; v < kVectors; ++v) {
      key[v] = Reader::Load(d, block[v / kPanelVectors] + offset, row, v % kPanelVectors * kLanes);
    }
    CASCADE_UNROLL
    for (std::size_t r = 0; r < kRows; ++r) {
      const FloatVector query = hn::Set(d, queries[r * kQueryStride]);
      CASCADE_UNROLL
      for (std::size_t v = 0; v < kVectors; ++v) chains[r][v] = Fma(query, key[v], chains[r][v]);
    }
  }

  template <std::size_t kRows, std::size_t kVectors>
  HWY_INLINE void StoreScores(const FloatVector (&chains)[kRows][kVectors], std::size_t first,
                              std::size_t b) const {
    const FloatTag d;
    const FloatVector scale = hn::Set(d, scale_);
    CASCADE_UNROLL
    for (std::size_t r = 0; r < kRows; ++r) {
      CASCADE_UNROLL
      for (std::size_t v = 0; v < kVectors; ++v) {
        float* out = scores_.Row(first + r, b + v / kPanelVectors) + v % kPanelVectors * kLanes;
        hn::Store(hn::Mul(chains[r][v], scale), d, out);
      }
    }
  }

  ConstMatF q_;
  const HeadBlocks& keys_;
  std::size_t start_;
  float scale_;
  ScoreTile scores_;
};

template <class Reader>
void ScoreAll(ConstMatF q, const HeadBlocks& keys, std::size_t start, float scale,
              ScoreTile scores) {
  const ScorePass<Reader> pass(q, keys, start, scale, scores);
  if (q.cols() <= kMaxSharedHeadDim) {
    ForRowsOf(pass, q.rows());
  } else {
    for (std::size_t r = 0; r < q.rows(); ++r) pass.template Run<1>(r);
  }
}

}  // namespace HWY_NAMESPACE
}  // namespace cascade::model::kernels
HWY_AFTER_NAMESPACE();
#endif
