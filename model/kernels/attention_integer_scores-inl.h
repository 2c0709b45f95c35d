// SPDX-License-Identifier: Apache-2.0
// The first product of attention where keys are int8: queries, rounded to 16 bits, times keys.
#include <algorithm>
#include <cstdint>

#include "model/kernels/attention_pairs-inl.h"
#include "model/kernels/kv_block_rows.h"

#if defined(CASCADE_MODEL_KERNELS_ATTENTION_INTEGER_SCORES_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef CASCADE_MODEL_KERNELS_ATTENTION_INTEGER_SCORES_INL_H_
#undef CASCADE_MODEL_KERNELS_ATTENTION_INTEGER_SCORES_INL_H_
#else
#define CASCADE_MODEL_KERNELS_ATTENTION_INTEGER_SCORES_INL_H_
#endif

HWY_BEFORE_NAMESPACE();
namespace cascade::model::kernels {
namespace HWY_NAMESPACE {

// The scores of one head for the rows of a tile.
class IntegerScorePass {
 public:
  IntegerScorePass(ConstMatF q, const HeadBlocks& keys, std::size_t start, float scale,
                   ScoreTile scores)
      : q_(q), keys_(keys), start_(start), scale_(scale), scores_(scores) {}

  template <std::size_t kRows>
  void Run(std::size_t first) const {
    Rounding by[kRows];
    Queries<kRows> queries;
    for (std::size_t r = 0; r < kRows; ++r) {
      by[r] = RoundingOf<std::int16_t>(q_.Row(first + r));
      queries.factors[r] = by[r].scale * scale_;
    }
    for (std::size_t d = 0; d < q_.cols(); d += kExactNumbers) {
      const std::size_t count = std::min(kExactNumbers, q_.cols() - d);
      for (std::size_t r = 0; r < kRows; ++r) {
        Round(q_.Row(first + r).subspan(d, count), by[r], queries.numbers[r]);
        queries.numbers[r][count] = 0;  // the other half of an odd size's last pair
      }
      ScoreRows<kRows>(first, d, count, queries);
    }
  }

 private:
  // Rows lie 17 half cache lines apart, so that they do not compete for the same sets of the
  // first-level cache as rows of a power of two would.
  static constexpr std::size_t kStride = kExactNumbers + 16;

  template <std::size_t kRows>
  struct Queries {
    HWY_ALIGN std::int16_t numbers[kRows][kStride];
    float factors[kRows];  // from a sum, times the key's scale, to the score
  };

  // Multiplies elements [d, d + count) with all blocks that the last of the rows sees; scores that
  // an earlier row does not see are computed as well, and masked later.
  template <std::size_t kRows>
  HWY_INLINE void ScoreRows(std::size_t first, std::size_t d, std::size_t count,
                            const Queries<kRows>& queries) const {
    constexpr std::size_t kBlocks =
        kRows == 1 ? 1 : std::clamp<std::size_t>(VectorsFor(kRows) / kPanelVectors, 1, 4);
    const std::size_t blocks = (start_ + first + kRows - 1) / kBlockPositions + 1;
    std::size_t b = 0;
    for (; b + kBlocks <= blocks; b += kBlocks) {
      ScoreBlocks<kRows, kBlocks>(first, d, count, queries, b);
    }
    for (; b < blocks; ++b) ScoreBlocks<kRows, 1>(first, d, count, queries, b);
  }

  template <std::size_t kRows, std::size_t kBlocks>
  HWY_INLINE void ScoreBlocks(std::size_t first, std::size_t d, std::size_t count,
                              const Queries<kRows>& queries, std::size_t b) const {
    constexpr std::size_t kVectors = kBlocks * kPanelVectors;
    const std::byte* block[kBlocks];
    const std::byte* next[kBlocks];
    for (std::size_t i = 0; i < kBlocks; ++i) {
      block[i] = keys_.Block(b + i) + d * kBlockPositions;
      next[i] =
          keys_.Block(std::min(b + 2 * kBlocks + i, keys_.ids.size() - 1)) + d * kBlockPositions;
    }
    IntegerVector sums[kRows][kVectors];
    Clear(sums);
    // A lane is a position. The next blocks are prefetched pair by pair: a table's blocks may lie
    // anywhere, so the hardware cannot know what comes next.
    for (std::size_t i = 0; i < count; i += 2) {
      CASCADE_UNROLL
      for (std::size_t n = 0; n < kBlocks; ++n) hwy::Prefetch(next[n] + i * kBlockPositions);
      Pairs keys[kVectors];
      CASCADE_UNROLL
      for (std::size_t v = 0; v < kVectors; ++v) {
        keys[v] = LoadBytePairs(block[v / kPanelVectors] + i * kBlockPositions +
                                v % kPanelVectors * kPairVectorBytes);
      }
      AddRowsProducts<kRows, kVectors>(keys, queries.numbers[0] + i, kStride, sums);
    }
    StoreScores<kRows, kVectors>(sums, first, d, d + count == q_.cols(), queries, b);
  }

  template <std::size_t kRows, std::size_t kVectors>
  HWY_INLINE void StoreScores(const IntegerVector (&sums)[kRows][kVectors], std::size_t first,
                              std::size_t d, bool is_last, const Queries<kRows>& queries,
                              std::size_t b) const {
    const FloatTag tag;
    CASCADE_UNROLL
    for (std::size_t v = 0; v < kVectors; ++v) {
      const std::size_t at = b + v / kPanelVectors;
      const std::size_t lane = v % kPanelVectors * kLanes;
      const std::byte* scales = keys_.Block(at) + Int8Keys::Bytes(q_.cols());
      const FloatVector of_keys = hn::LoadU(tag, reinterpret_cast<const float*>(scales) + lane);
      CASCADE_UNROLL
      for (std::size_t r = 0; r < kRows; ++r) {
        float* place = scores_.Row(first + r, at) + lane;
        FloatVector score = hn::ConvertTo(tag, sums[r][v]);
        if (d > 0) score = hn::Add(hn::Load(tag, place), score);
        if (is_last) score = hn::Mul(hn::Mul(score, hn::Set(tag, queries.factors[r])), of_keys);
        hn::Store(score, tag, place);
      }
    }
  }

  ConstMatF q_;
  const HeadBlocks& keys_;
  std::size_t start_;
  float scale_;
  ScoreTile scores_;
};

}  // namespace HWY_NAMESPACE
}  // namespace cascade::model::kernels
HWY_AFTER_NAMESPACE();
#endif
