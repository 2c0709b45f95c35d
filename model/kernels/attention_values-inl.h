// SPDX-License-Identifier: Apache-2.0
// The second product of attention: softmax weights times values.
#include "model/kernels/attention_tile-inl.h"
#include "model/kernels/float_rows-inl.h"
#include "model/kernels/kv_block.h"

#if defined(CASCADE_MODEL_KERNELS_ATTENTION_VALUES_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef CASCADE_MODEL_KERNELS_ATTENTION_VALUES_INL_H_
#undef CASCADE_MODEL_KERNELS_ATTENTION_VALUES_INL_H_
#else
#define CASCADE_MODEL_KERNELS_ATTENTION_VALUES_INL_H_
#endif

#include <algorithm>
#include <span>

HWY_BEFORE_NAMESPACE();
namespace cascade::model::kernels {
namespace HWY_NAMESPACE {

// The weighted values of one head for the rows of a tile.
template <class Reader>
class ValuePass {
 public:
  ValuePass(ScoreTile weights, const HeadBlocks& values, std::size_t start,
            std::span<const float> sums, MatF out)
      : weights_(weights), values_(values), start_(start), sums_(sums), out_(out) {}

  template <std::size_t kRows>
  void Run(std::size_t first) const {
    WeighFrom<kRows, VectorsFor(kRows)>(first, 0);
  }

 private:
  // The columns from `c` on, kVectors vectors at a time while there are so many, then half as many.
  template <std::size_t kRows, std::size_t kVectors>
  HWY_INLINE void WeighFrom(std::size_t first, std::size_t c) const {
    for (; c + kVectors * kLanes <= out_.cols(); c += kVectors * kLanes) {
      WeighColumns<FloatTag, kRows, kVectors>(first, c);
    }
    if constexpr (kVectors > 1) {
      WeighFrom<kRows, kVectors / 2>(first, c);
    } else {
      for (; c < out_.cols(); ++c) WeighColumns<SingleTag, kRows, 1>(first, c);
    }
  }

  // First the whole blocks that all rows see; then, position by position, the rest of what the
  // first row sees, and what only later rows see. A position that a row does not see is not
  // multiplied by zero but left out for that row: its value may be NaN, and 0 * NaN is not 0.
  template <class Tag, std::size_t kRows, std::size_t kVectors>
  HWY_INLINE void WeighColumns(std::size_t first, std::size_t c) const {
    const std::size_t group_bytes = Reader::GroupBytes(out_.cols());
    const std::size_t seen_by_all = start_ + first + 1;
    const std::size_t whole = seen_by_all / kBlockPositions;
    hn::Vec<Tag> chains[kRows][kVectors];
    Clear(chains);
    for (std::size_t b = 0; b < whole; ++b) {
      const std::byte* group = values_.Block(b);
      const std::byte* next = values_.Block(std::min(b + 1, values_.ids.size() - 1));
      const float* weights = weights_.Row(first, b);
      for (std::size_t p = 0; p < kBlockPositions; p += Reader::kGroupRows) {
        PrefetchColumns<Tag, kVectors>(next, c);
        CASCADE_UNROLL
        for (std::size_t row = 0; row < Reader::kGroupRows; ++row) {
          AddPosition<Tag>(group, row, c, weights + p + row, 0, chains);
        }
        group += group_bytes;
        next += group_bytes;
      }
    }
    std::size_t p = whole * kBlockPositions;
    for (; p < seen_by_all; ++p) {
      AddPosition<Tag>(GroupOf(p), p % Reader::kGroupRows, c, &weights_.At(first, p), 0, chains);
    }
    for (; p < seen_by_all + kRows - 1; ++p) {
      AddPosition<Tag>(GroupOf(p), p % Reader::kGroupRows, c, &weights_.At(first, p),
                       p + 1 - seen_by_all, chains);
    }
    StoreColumns<Tag>(chains, first, c);
  }

  const std::byte* GroupOf(std::size_t position) const {
    return values_.Block(position / kBlockPositions) +
           position % kBlockPositions / Reader::kGroupRows * Reader::GroupBytes(out_.cols());
  }

  template <class Tag, std::size_t kVectors>
  static HWY_INLINE void PrefetchColumns(const std::byte* group, std::size_t c) {
    constexpr std::size_t kBytes = Reader::GroupBytes(hn::MaxLanes(Tag())) * kVectors;
    CASCADE_UNROLL
    for (std::size_t byte = 0; byte < kBytes; byte += 64) {
      hwy::Prefetch(group + Reader::GroupBytes(c) + byte);
    }
  }

  // chains[r][v] += weights[r] * values of one position, for the rows from `first_row` on.
  template <class Tag, std::size_t kRows, std::size_t kVectors>
  static HWY_INLINE void AddPosition(const std::byte* group, std::size_t row, std::size_t c,
                                     const float* weights, std::size_t first_row,
                                     hn::Vec<Tag> (&chains)[kRows][kVectors]) {
    const Tag d;
    hn::Vec<Tag> value[kVectors];
    CASCADE_UNROLL
    for (std::size_t v = 0; v < kVectors; ++v) {
      value[v] = Reader::Load(d, group, row, c + v * hn::MaxLanes(d));
    }
    CASCADE_UNROLL
    for (std::size_t r = 0; r < kRows; ++r) {
      if (r < first_row) continue;
      const auto weight = hn::Set(d, weights[r * kBlockPositions]);
      CASCADE_UNROLL
      for (std::size_t v = 0; v < kVectors; ++v) chains[r][v] = Fma(weight, value[v], chains[r][v]);
    }
  }

  template <class Tag, std::size_t kRows, std::size_t kVectors>
  HWY_INLINE void StoreColumns(const hn::Vec<Tag> (&chains)[kRows][kVectors], std::size_t first,
                               std::size_t c) const {
    const Tag d;
    CASCADE_UNROLL
    for (std::size_t r = 0; r < kRows; ++r) {
      const auto scale = hn::Set(d, 1.0f / sums_[first + r]);
      float* out = out_.Row(first + r).data() + c;
      CASCADE_UNROLL
      for (std::size_t v = 0; v < kVectors; ++v) {
        hn::StoreU(hn::Mul(chains[r][v], scale), d, out + v * hn::MaxLanes(d));
      }
    }
  }

  ScoreTile weights_;
  const HeadBlocks& values_;
  std::size_t start_;
  std::span<const float> sums_;
  MatF out_;
};

template <class Reader>
void WeighAll(ScoreTile weights, const HeadBlocks& values, std::size_t start,
              std::span<const float> sums, MatF out) {
  ForRowsOf(ValuePass<Reader>(weights, values, start, sums, out), out.rows());
}

}  // namespace HWY_NAMESPACE
}  // namespace cascade::model::kernels
HWY_AFTER_NAMESPACE();
#endif
