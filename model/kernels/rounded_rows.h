// SPDX-License-Identifier: Apache-2.0
// Rows of input rounded to 8 or 13 bits, a scale for every group of 64 inputs, and the outliers
// that stay floats. Private to this room.
//
//   largest = max_i |x[i]| over the group       scale = largest / L
//   q[i] = round(x[i] * (L / largest)), ties to even, from -L to L: 127 or 4095
//
// A value is then q * scale, at most scale / 2 (and a few units in the last place) away. Every
// operation is one correctly rounded instruction, so all CPUs have the same bits.
//
//   A group whose scale would be below the smallest normal float (all inputs below 1.5e-36, for 13
//   bits 4.9e-35) is zeros with a scale of zero. A group with a NaN or an infinity is zeros with a
//   scale of NaN, so that everything computed from that row is NaN.
//
// One input that is hundreds of times larger than the others of its group would leave them no bits.
// So, while the magnitudes of a group's q, each of them kMagnitudeLimit at most, sum to less than
// kOutlierMagnitudes, and fewer than kMaxOutliers were taken out: the input of the largest
// magnitude (the first of several) is taken out as an outlier, is a zero in the group, and the
// group is rounded anew. The product adds each outlier as it is. Large channels of the residual
// stream are a property of trained models (Dettmers et al. 2022, LLM.int8(), which keeps them as
// 16-bit floats).
//
//   Limit: beside more than kMaxOutliers inputs that are far larger, the rest of a group is rounded
//   with their scale.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "model/kernels/integer_tile.h"
#include "model/kernels/output_tile.h"

namespace cascade::model::kernels {

inline constexpr std::size_t kMaxOutliers = 4;  // of a group: bounds what a product costs

// What inputs are rounded to. kOutlierMagnitudes is a bound of three for each input, and a little
// more; normally distributed inputs have about 13. tests/bench/RESULTS.md compares other bounds.
// The limit keeps a few large inputs of about one size from reaching it by themselves.
struct Int8Inputs {
  using Value = std::int8_t;
  static constexpr float kLargest = 127.0f;
  static constexpr std::int32_t kMagnitudeLimit = 16;
  static constexpr std::int32_t kOutlierMagnitudes = 209;
};

// 13 bits, and so 32 times each bound: what is an outlier for 8 bits is one here.
struct Int16Inputs {
  using Value = std::int16_t;
  static constexpr float kLargest = 4095.0f;
  static constexpr std::int32_t kMagnitudeLimit = 32 * Int8Inputs::kMagnitudeLimit;
  static constexpr std::int32_t kOutlierMagnitudes = 32 * Int8Inputs::kOutlierMagnitudes;
};

// An input that is not rounded.
struct Outlier {
  std::uint32_t input;  // its place in the row
  float value;
};

constexpr std::size_t DotGroups(std::size_t n_in) { return (n_in + kDotGroup - 1) / kDotGroup; }

// A view of rounded rows, in the tiles of a RowTiles, one after the other. Each lies as
// DotOperands says: group by group, so that a tile reads one stream. The last group of a row is
// filled up with zeros.
struct RoundedRows {
  std::byte* values;              // [tiles][groups][rows of the tile][kDotGroup] of a Value
  float* scales;                  // [tiles][groups][rows of the tile]
  std::int32_t* offsets;          // the same: -128 times the sum of a group's values of 8 bits
  Outlier* outliers;              // [rows][groups * kMaxOutliers], in the inputs' order
  std::uint32_t* outlier_counts;  // [rows]
  std::size_t groups;
  RowTiles tiles;

  // Where group `group` of a tile begins, in rows of a group.
  std::size_t Begin(const RowTile& tile, std::size_t group) const {
    return tile.row * groups + group * tile.rows;
  }

  std::span<const Outlier> OutliersOf(std::size_t row) const {
    return {outliers + row * groups * kMaxOutliers, outlier_counts[row]};
  }
};

}  // namespace cascade::model::kernels
