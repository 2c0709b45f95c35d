// SPDX-License-Identifier: Apache-2.0
// Rounds rows of input: what rounded_rows.h describes.
#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>
#include <span>

#include "model/executor.h"
#include "model/kernels/rounded_rows.h"
#include "model/kernels/rounding-inl.h"
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

// What rounding a group gives, beside its values.
struct RoundedGroup {
  float scale = 0.0f;
  std::int32_t sum = 0;      // of the values
  bool has_outlier = false;  // not if the scale is zero or NaN
};

// Rounds the group at x, kDotGroup inputs, to `values`, with its outliers.
template <typename Inputs>
HWY_INLINE RoundedGroup RoundAll(const float* x, typename Inputs::Value* values) {
  const FloatTag d;
  const hn::RebindToSigned<FloatTag> di;
  const hn::Rebind<typename Inputs::Value, FloatTag> narrow;
  const Rounding by = RoundingTo(Inputs::kLargest, LargestMagnitude(x));
  if (by.inverse == 0.0f) {
    std::fill_n(values, kDotGroup, typename Inputs::Value{0});
    return {.scale = by.scale};
  }
  // Floats near 1.5 * 2^23 are one apart: the addition rounds, and leaves the integer in the low
  // bits.
  const FloatVector inverse = hn::Set(d, by.inverse);
  const FloatVector round = hn::Set(d, 0x1.8p23f);
  auto sum = hn::Zero(di);
  auto magnitudes = hn::Zero(di);
  CASCADE_UNROLL
  for (std::size_t i = 0; i < kDotGroup; i += kLanes) {
    const FloatVector shifted = hn::Add(hn::Mul(hn::LoadU(d, x + i), inverse), round);
    const auto value = hn::Sub(hn::BitCast(di, shifted), hn::BitCast(di, round));
    sum = hn::Add(sum, value);
    const auto limited = hn::Min(hn::Abs(value), hn::Set(di, Inputs::kMagnitudeLimit));
    magnitudes = hn::Add(magnitudes, limited);
    hn::StoreU(hn::DemoteTo(narrow, value), narrow, values + i);
  }
  const std::int32_t all = hn::GetLane(hn::SumOfLanes(di, magnitudes));
  return {.scale = by.scale,
          .sum = hn::GetLane(hn::SumOfLanes(di, sum)),
          .has_outlier = all < Inputs::kOutlierMagnitudes};
}

// Takes outliers out of the group at x, whose first input is `first` of the row, and rounds the
// rest. Adds the outliers at the end of `outliers`, of which there are `count`.
template <typename Inputs>
HWY_NOINLINE RoundedGroup RoundWithoutOutliers(const float* x, std::size_t first,
                                               typename Inputs::Value* values, Outlier* outliers,
                                               std::uint32_t& count) {
  HWY_ALIGN float rest[kDotGroup];
  std::copy_n(x, kDotGroup, rest);
  RoundedGroup rounded;
  std::size_t taken = 0;
  do {
    std::size_t largest = 0;
    for (std::size_t i = 1; i < kDotGroup; ++i) {
      if (std::abs(rest[i]) > std::abs(rest[largest])) largest = i;
    }
    outliers[count++] = {.input = static_cast<std::uint32_t>(first + largest),
                         .value = rest[largest]};
    rest[largest] = 0.0f;
    rounded = RoundAll<Inputs>(rest, values);
  } while (++taken < kMaxOutliers && rounded.has_outlier);
  std::sort(outliers + count - taken, outliers + count,
            [](const Outlier& a, const Outlier& b) { return a.input < b.input; });
  return rounded;
}

// Rounds one row, which is row `r` of `tile`, to its places in `out`.
template <typename Inputs>
void RoundRow(std::span<const float> x, const RowTile& tile, std::size_t r,
              const RoundedRows& out) {
  HWY_ALIGN float last[kDotGroup] = {};
  const std::size_t row = tile.row + r;
  Outlier* outliers = out.outliers + row * out.groups * kMaxOutliers;
  std::uint32_t outlier_count = 0;
  for (std::size_t g = 0; g < out.groups; ++g) {
    const std::size_t first = g * kDotGroup;
    const float* group = x.data() + first;
    if (x.size() - first < kDotGroup) {
      std::copy_n(group, x.size() - first, last);
      group = last;
    }
    const std::size_t at = out.Begin(tile, g) + r;
    auto* values = reinterpret_cast<typename Inputs::Value*>(out.values) + at * kDotGroup;
    RoundedGroup rounded = RoundAll<Inputs>(group, values);
    if (rounded.has_outlier) {
      rounded = RoundWithoutOutliers<Inputs>(group, first, values, outliers, outlier_count);
    }
    out.scales[at] = rounded.scale;
    out.offsets[at] = -128 * rounded.sum;
  }
  out.outlier_counts[row] = outlier_count;
}

// Rounds the rows of the tiles `tiles` of x to their places in `out`.
template <typename Inputs>
void RoundTiles(ConstMatF x, IndexRange tiles, const RoundedRows& out) {
  for (std::size_t t = tiles.begin; t < tiles.end; ++t) {
    const RowTile tile = out.tiles.Tile(t);
    for (std::size_t r = 0; r < tile.rows; ++r) {
      RoundRow<Inputs>(x.Row(tile.row + r), tile, r, out);
    }
  }
}

}  // namespace HWY_NAMESPACE
}  // namespace cascade::model::kernels
HWY_AFTER_NAMESPACE();
#endif
