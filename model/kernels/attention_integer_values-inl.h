// SPDX-License-Identifier: Apache-2.0
// The second product of attention where values are int8: softmax weights, times the scales of the
// values and rounded to 16 bits, times values.
#include <algorithm>
#include <bit>
#include <cstdint>
#include <cstring>
#include <limits>
#include <span>

#include "model/kernels/attention_pairs-inl.h"
#include "model/kernels/kv_block_rows.h"

#if defined(CASCADE_MODEL_KERNELS_ATTENTION_INTEGER_VALUES_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef CASCADE_MODEL_KERNELS_ATTENTION_INTEGER_VALUES_INL_H_
#undef CASCADE_MODEL_KERNELS_ATTENTION_INTEGER_VALUES_INL_H_
#else
#define CASCADE_MODEL_KERNELS_ATTENTION_INTEGER_VALUES_INL_H_
#endif

HWY_BEFORE_NAMESPACE();
namespace cascade::model::kernels {
namespace HWY_NAMESPACE {

// Rounds the weights of one head for the rows of a tile, in place: the 16 floats of a row's block
// become 16 numbers, in the first half of their memory.
class WeightRounding {
 public:
  WeightRounding(ScoreTile weights, const HeadBlocks& values, std::size_t head_dim)
      : weights_(weights), values_(values), scales_at_(Int8Values::Bytes(head_dim)) {}

  // Rounds row `r`, which sees `seen` positions, and writes zeros for the others of the first
  // `blocks` blocks. Returns what a number times a byte of a value is to be multiplied with.
  float Round(std::size_t r, std::size_t seen, std::size_t blocks) const {
    const std::size_t own_blocks = (seen - 1) / kBlockPositions + 1;
    const Rounding by = RoundingTo(std::numeric_limits<std::int16_t>::max(), Scale(r, seen));
    for (std::size_t b = 0; b < own_blocks; ++b) RoundBlock(weights_.Row(r, b), by.inverse);
    for (std::size_t b = own_blocks; b < blocks; ++b) {
      std::memset(weights_.Row(r, b), 0, kBlockPositions * sizeof(std::int16_t));
    }
    return by.scale;
  }

 private:
  // Multiplies the weights with the scales of their values, for the positions that the row sees,
  // whose largest product it returns; the others become zero.
  float Scale(std::size_t r, std::size_t seen) const {
    const FloatTag d;
    const IntegerTag di;
    const auto magnitude = hn::Set(di, 0x7fffffff);
    auto largest = hn::Zero(di);  // of the bits, which have the same order; NaN is the largest
    for (std::size_t b = 0; b * kBlockPositions < seen; ++b) {
      const auto* scales = reinterpret_cast<const float*>(values_.Block(b) + scales_at_);
      float* weights = weights_.Row(r, b);
      const std::size_t count = std::min(seen - b * kBlockPositions, kBlockPositions);
      CASCADE_UNROLL
      for (std::size_t lane = 0; lane < kBlockPositions; lane += kLanes) {
        auto scaled = hn::Mul(hn::Load(d, weights + lane), hn::LoadU(d, scales + lane));
        if (count < kBlockPositions) {
          const std::size_t own = std::min(count > lane ? count - lane : 0, kLanes);
          scaled = hn::IfThenElseZero(hn::FirstN(d, own), scaled);
        }
        hn::Store(scaled, d, weights + lane);
        largest = hn::Max(largest, hn::And(hn::BitCast(di, scaled), magnitude));
      }
    }
    return std::bit_cast<float>(hn::GetLane(hn::MaxOfLanes(di, largest)));
  }

  static HWY_INLINE void RoundBlock(float* weights, float inverse) {
    const FloatTag d;
    const IntegerTag di;
    const hn::Rebind<std::int16_t, FloatTag> d16;
    const FloatVector shift = hn::Set(d, 0x1.8p23f);  // see IntegerFromFloat
    HWY_ALIGN std::int16_t rounded[kBlockPositions];
    CASCADE_UNROLL
    for (std::size_t lane = 0; lane < kBlockPositions; lane += kLanes) {
      const FloatVector x = hn::Mul(hn::Load(d, weights + lane), hn::Set(d, inverse));
      const auto value = hn::Sub(hn::BitCast(di, hn::Add(x, shift)), hn::BitCast(di, shift));
      hn::Store(hn::DemoteTo(d16, value), d16, rounded + lane);
    }
    std::memcpy(weights, rounded, sizeof(rounded));
  }

  ScoreTile weights_;
  const HeadBlocks& values_;
  std::size_t scales_at_;
};

// The weighted values of one head for the rows of a tile. A position that a row does not see has
// a weight of zero, and zero times a byte is zero.
class IntegerValuePass {
 public:
  // `factors` is what the sums of each row are to be multiplied with.
  IntegerValuePass(ScoreTile weights, const HeadBlocks& values, std::size_t start,
                   std::span<const float> factors, MatF out)
      : weights_(weights), values_(values), start_(start), factors_(factors), out_(out) {}

  template <std::size_t kRows>
  void Run(std::size_t first) const {
    WeighFrom<kRows, VectorsFor(kRows)>(first, 0);
  }

 private:
  // The columns from `c` on, kVectors vectors at a time while there are so many, then half as many.
  template <std::size_t kRows, std::size_t kVectors>
  HWY_INLINE void WeighFrom(std::size_t first, std::size_t c) const {
    const std::size_t columns = Int8Values::Columns(out_.cols());
    for (; c + kVectors * kLanes <= columns; c += kVectors * kLanes) {
      WeighColumns<kRows, kVectors>(first, c);
    }
    if constexpr (kVectors > 1) WeighFrom<kRows, kVectors / 2>(first, c);
  }

  template <std::size_t kRows, std::size_t kVectors>
  HWY_INLINE void WeighColumns(std::size_t first, std::size_t c) const {
    constexpr std::size_t kExactBlocks = kExactNumbers / kBlockPositions;
    const std::size_t blocks = (start_ + first + kRows - 1) / kBlockPositions + 1;
    const FloatTag d;
    HWY_ALIGN float totals[kRows][kVectors * kLanes] = {};
    for (std::size_t b = 0; b < blocks; b += kExactBlocks) {
      IntegerVector sums[kRows][kVectors];
      Clear(sums);
      for (std::size_t i = b; i < std::min(b + kExactBlocks, blocks); ++i) {
        AddBlock<kRows, kVectors>(first, c, i, sums);
      }
      CASCADE_UNROLL
      for (std::size_t r = 0; r < kRows; ++r) {
        CASCADE_UNROLL
        for (std::size_t v = 0; v < kVectors; ++v) {
          float* total = totals[r] + v * kLanes;
          hn::Store(hn::Add(hn::Load(d, total), hn::ConvertTo(d, sums[r][v])), d, total);
        }
      }
    }
    const std::size_t count = std::min(kVectors * kLanes, out_.cols() - std::min(c, out_.cols()));
    for (std::size_t r = 0; r < kRows; ++r) {
      float* out = out_.Row(first + r).data() + c;
      for (std::size_t i = 0; i < count; ++i) out[i] = totals[r][i] * factors_[first + r];
    }
  }

  template <std::size_t kRows, std::size_t kVectors>
  HWY_INLINE void AddBlock(std::size_t first, std::size_t c, std::size_t b,
                           IntegerVector (&sums)[kRows][kVectors]) const {
    constexpr std::size_t kStride = ScoreTile::kBlockFloats / kAttentionRows * 2;
    const std::size_t row_bytes = Int8Values::Columns(out_.cols()) * 2;
    const std::byte* values = values_.Block(b) + 2 * c;
    const std::byte* next = values_.Block(std::min(b + 2, values_.ids.size() - 1)) + 2 * c;
    const auto* weights = reinterpret_cast<const std::int16_t*>(weights_.Row(first, b));
    CASCADE_UNROLL
    for (std::size_t p = 0; p < kBlockPositions; p += 2) {
      CASCADE_UNROLL
      for (std::size_t byte = 0; byte < kVectors * kPairVectorBytes; byte += 64) {
        hwy::Prefetch(next + byte);
      }
      Pairs pairs[kVectors];
      CASCADE_UNROLL
      for (std::size_t v = 0; v < kVectors; ++v) {
        pairs[v] = LoadBytePairs(values + v * kPairVectorBytes);
      }
      AddRowsProducts<kRows, kVectors>(pairs, weights + p, kStride, sums);
      values += row_bytes;
      next += row_bytes;
    }
  }

  ScoreTile weights_;
  const HeadBlocks& values_;
  std::size_t start_;
  std::span<const float> factors_;
  MatF out_;
};

// Attention's second product, for int8 values.
inline void WeighIntegers(ScoreTile weights, const HeadBlocks& values, std::size_t start,
                          std::span<const float> sums, MatF out) {
  const WeightRounding rounding(weights, values, out.cols());
  const std::size_t blocks = (start + out.rows() - 1) / kBlockPositions + 1;
  float factors[kAttentionRows];
  for (std::size_t r = 0; r < out.rows(); ++r) {
    factors[r] = rounding.Round(r, start + r + 1, blocks) * (1.0f / sums[r]);
  }
  ForRowsOf(IntegerValuePass(weights, values, start, factors, out), out.rows());
}

}  // namespace HWY_NAMESPACE
}  // namespace cascade::model::kernels
HWY_AFTER_NAMESPACE();
#endif
