// SPDX-License-Identifier: Apache-2.0
// Rounds rows of input: what rounded_rows.h describes.
#include <algorithm>
#include <bit>
#include <cstdint>
#include <limits>

#include "model/executor.h"
#include "model/kernels/rounded_rows.h"
#include "model/kernels/simd-inl.h"
#include "model/mat_view.h"

#if defined(CASCADE_MODEL_KERNELS_ROUNDED_ROWS_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef CASCADE_MODEL_KERNELS_ROUNDED_ROWS_INL_H_
#undef CASCADE_MODEL_KERNELS_ROUNDED_ROWS_INL_H_
#else
#define CASCADE_MODEL_KERNELS_ROUNDED_ROWS_INL_H_
#endif

HWY_BEFORE_NAMESPACE();
namespace cascade::model::kernels {
namespace HWY_NAMESPACE {

// The largest magnitude in a group; a NaN counts as larger than infinity. Magnitudes are compared
// as the integers that their bits are, which have the same order: the instructions for the larger
// of two floats differ in NaN.
HWY_INLINE float LargestMagnitude(const float* x) {
  const FloatTag d;
  const hn::RebindToSigned<FloatTag> di;
  const auto mask = hn::Set(di, 0x7fffffff);
  auto largest = hn::Zero(di);
  CASCADE_UNROLL
  for (std::size_t i = 0; i < kDotGroup; i += kLanes) {
    largest = hn::Max(largest, hn::And(hn::BitCast(di, hn::LoadU(d, x + i)), mask));
  }
  return std::bit_cast<float>(hn::GetLane(hn::MaxOfLanes(di, largest)));
}

// Rounds the group at x, kDotGroup inputs, to `values`; returns its scale, and the sum of values
// times -128 in `offset`.
HWY_INLINE float RoundGroup(const float* x, std::int8_t* values, std::int32_t& offset) {
  const FloatTag d;
  const hn::RebindToSigned<FloatTag> di;
  const hn::Rebind<std::int8_t, FloatTag> d8;
  constexpr float kLargest = 127.0f;
  const float largest = LargestMagnitude(x);
  const float scale = largest / kLargest;
  offset = 0;
  // Not true for NaN either.
  if (!(scale >= std::numeric_limits<float>::min() && scale <= std::numeric_limits<float>::max())) {
    std::fill_n(values, kDotGroup, std::int8_t{0});
    const bool is_small = scale < std::numeric_limits<float>::min();
    return is_small ? 0.0f : std::numeric_limits<float>::quiet_NaN();
  }
  // Floats near 1.5 * 2^23 are one apart: the addition rounds, and leaves the integer in the low
  // bits.
  const FloatVector inverse = hn::Set(d, kLargest / largest);
  const FloatVector round = hn::Set(d, 0x1.8p23f);
  auto sum = hn::Zero(di);
  CASCADE_UNROLL
  for (std::size_t i = 0; i < kDotGroup; i += kLanes) {
    const FloatVector shifted = hn::Add(hn::Mul(hn::LoadU(d, x + i), inverse), round);
    const auto value = hn::Sub(hn::BitCast(di, shifted), hn::BitCast(di, round));
    sum = hn::Add(sum, value);
    hn::StoreU(hn::DemoteTo(d8, value), d8, values + i);
  }
  offset = -128 * hn::GetLane(hn::SumOfLanes(di, sum));
  return scale;
}

// Rounds the rows of the tiles `tiles` of x to their places in `out`.
inline void RoundTiles(ConstMatF x, IndexRange tiles, const RoundedRows& out) {
  HWY_ALIGN float last[kDotGroup] = {};
  for (std::size_t t = tiles.begin; t < tiles.end; ++t) {
    for (std::size_t r = 0; r < out.tiles.Size(t); ++r) {
      const float* row = x.data() + (out.tiles.Begin(t) + r) * x.stride();
      for (std::size_t g = 0; g < out.groups; ++g) {
        const float* group = row + g * kDotGroup;
        const std::size_t count = std::min(kDotGroup, x.cols() - g * kDotGroup);
        if (count < kDotGroup) {
          std::copy_n(group, count, last);
          group = last;
        }
        const std::size_t at = out.Begin(t, g) + r;
        out.scales[at] = RoundGroup(group, out.values + at * kDotGroup, out.offsets[at]);
      }
    }
  }
}

}  // namespace HWY_NAMESPACE
}  // namespace cascade::model::kernels
HWY_AFTER_NAMESPACE();
#endif
