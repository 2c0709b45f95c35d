// SPDX-License-Identifier: Apache-2.0
// Weights as whole numbers with one float32 scale an output column:
//
//   scale[n] = max_k |w[k, n]| / L        q[k, n] = round(w[k, n] / scale[n]), ties to even
//
// and the weight is read as q * scale, at most scale / 2 away from the original. L is the largest
// number that an order stores. Symmetric: zero stays zero, and -L - 1 is never used. Private to
// this room.
//
// The numbers of a panel lie in one of three orders. The float chains widen a row of 16 at a time;
// the integer dots multiply several rows at a time, and want an output's weights of these side by
// side, in a lane of 32 bits: one operand of vpdpbusd or vpdpwssd, one row of an AMX tile, four
// registers of NEON.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "model/executor.h"
#include "model/kernels/panel.h"
#include "model/kernels/source_matrix.h"

namespace cascade::model::kernels {

// One class for each order: where the number of [row, column] lies in its panel, and what is stored
// there. Rows beyond n_in are zeros, whatever is stored for them.
struct Int8RowOrder {  // [n_in][16]
  using Stored = std::byte;
  static constexpr int kLargest = 127;
  static std::size_t Index(std::size_t row, std::size_t column) {
    return row * kPanelColumns + column;
  }
  static Stored Store(int q) { return static_cast<std::byte>(q); }
  static int Read(Stored stored) { return std::to_integer<std::int8_t>(stored); }
};

struct Int8DotOrder {  // [n_in / 4][16][4], as q + 128: the x86 products take unsigned weights
  using Stored = std::byte;
  static constexpr int kLargest = 127;
  static std::size_t Index(std::size_t row, std::size_t column) {
    return (row / 4 * kPanelColumns + column) * 4 + row % 4;
  }
  static Stored Store(int q) { return static_cast<std::byte>(q + 128); }
  static int Read(Stored stored) { return std::to_integer<int>(stored) - 128; }
};

// Numbers of 14 bits: 64 products with inputs of 13 bits (rounded_rows.h) sum to less than 2^31.
struct Int16DotOrder {  // [n_in / 2][16][2]
  using Stored = std::int16_t;
  static constexpr int kLargest = 8191;
  static std::size_t Index(std::size_t row, std::size_t column) {
    return (row / 2 * kPanelColumns + column) * 2 + row % 2;
  }
  static Stored Store(int q) { return static_cast<std::int16_t>(q); }
  static int Read(Stored stored) { return stored; }
};

template <typename Order>
struct IntegerPanels {
  // Bytes of one panel: its numbers, n_in rounded up to 4 rows of 16, then its 16 scales.
  static std::size_t Bytes(std::size_t n_in);

  // Packs the panels `panels` of `source` to `out`, where the first of them begins.
  //
  //   A column whose weights are all zero, or so small that the scale would be below the smallest
  //   normal float (int8 weights below 1.5e-36), is stored as zeros with a scale of zero. A column
  //   with a NaN or an infinity is stored as zeros with a scale of NaN, so that every output
  //   computed with it is NaN.
  static void Pack(const SourceMatrix& source, IndexRange panels, std::byte* out);

  // The number of [row, column] in the panel at `panel`.
  static int Weight(const std::byte* panel, std::size_t row, std::size_t column);

  // The 16 scales of the panel at `panel`.
  static const float* Scales(const std::byte* panel, std::size_t n_in);

  // Whether the scale of column `column` of the panel at `panel` is finite.
  static bool ColumnIsFinite(const std::byte* panel, std::size_t column, std::size_t n_in);

  // Writes column `column` of the panel at `panel` as floats, each q * scale rounded once.
  static void CopyColumn(const std::byte* panel, std::size_t column, std::span<float> out);
};

}  // namespace cascade::model::kernels
