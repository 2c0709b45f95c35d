// SPDX-License-Identifier: Apache-2.0
// Weights as 8-bit integers with one float32 scale an output column:
//
//   scale[n] = max_k |w[k, n]| / 127        q[k, n] = round(w[k, n] / scale[n]), ties to even
//
// and the weight is read as q * scale, at most scale / 2 away from the original. Symmetric: zero
// stays zero, and -128 is never used. Private to this room.
//
// The integers of a panel lie in one of two orders. The float chains widen a row of 16 at a time;
// the integer dots multiply four rows at a time, and want an output's four weights side by side:
// one operand of vpdpbusd, one row of an AMX tile, four registers of NEON's sdot.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "model/executor.h"
#include "model/kernels/panel.h"
#include "model/kernels/source_matrix.h"

namespace cascade::model::kernels {

// One class for each order: where the integer of [row, column] lies in its panel, and what is
// stored there. Rows beyond n_in are zeros, whatever is stored for them.
struct Int8RowOrder {  // [n_in][16]
  static std::size_t Index(std::size_t row, std::size_t column) {
    return row * kPanelColumns + column;
  }
  static std::byte Store(std::int8_t q) { return static_cast<std::byte>(q); }
  static std::int8_t Read(std::byte stored) { return std::to_integer<std::int8_t>(stored); }
};

struct Int8DotOrder {  // [n_in / 4][16][4], as q + 128: the x86 products take unsigned weights
  static std::size_t Index(std::size_t row, std::size_t column) {
    return (row / 4 * kPanelColumns + column) * 4 + row % 4;
  }
  static std::byte Store(std::int8_t q) { return static_cast<std::byte>(q + 128); }
  static std::int8_t Read(std::byte stored) {
    return static_cast<std::int8_t>(std::to_integer<int>(stored) - 128);
  }
};

// Bytes of one panel, in either order: its integers, n_in rounded up to 4 rows of 16, then its 16
// scales.
std::size_t Int8PanelBytes(std::size_t n_in);

// Packs the panels `panels` of `source` to `out`, where the first of them begins.
//
//   A column whose weights are all zero, or so small that the scale would be below the smallest
//   normal float (weights below 1.5e-36), is stored as zeros with a scale of zero. A column with a
//   NaN or an infinity is stored as zeros with a scale of NaN, so that every output computed with
//   it is NaN.
template <typename Order>
void PackInt8Panels(const SourceMatrix& source, IndexRange panels, std::byte* out);

// The 16 scales of the panel at `panel`.
const float* Int8Scales(const std::byte* panel, std::size_t n_in);

// Whether the scale of column `column` of the panel at `panel` is finite.
bool Int8ColumnIsFinite(const std::byte* panel, std::size_t column, std::size_t n_in);

// Writes column `column` of the panel at `panel` as floats, each q * scale rounded once.
template <typename Order>
void CopyInt8Column(const std::byte* panel, std::size_t column, std::span<float> out);

}  // namespace cascade::model::kernels
