// SPDX-License-Identifier: Apache-2.0
// Weights as 4-bit integers for the integer dots. Each stands for an 8-bit integer:
//
//   w = q * scale[n]      q = (u - zero) * step      u and zero in [0, 15], step in [1, 15]
//
// with a zero and a step for every 16 inputs of a column, and q from -127 to 127. So a product is
// that of int8 weights q, to the bit, and only reading the weights is a matter of four bits.
// 4.5 bits a weight, and the scales. Private to this room.
//
// llama.cpp's K-quants divide their scales in the same way: a small integer for each group, and a
// float for many of them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "model/executor.h"
#include "model/kernels/integer_tile.h"
#include "model/kernels/panel.h"
#include "model/kernels/source_matrix.h"

namespace cascade::model::kernels {

// Inputs that share a zero and a step.
inline constexpr std::size_t kInt4StepRows = 16;

// A group of kDotGroup inputs: eight blocks of 64 bytes, then 64 bytes of steps and zeros.
//
//   Byte b of block j has in its low half the u of byte b of the int8 panel's operand 2j
//   (integer_panels.h: [16 columns][4 inputs]), in its high half that of operand 2j + 1.
//   Byte 16 * s + c of the last 64 is step | zero << 4 of column c for inputs 16s to 16s + 15.
inline constexpr std::size_t kInt4DotBlockBytes = kDotInputs * kPanelColumns;
inline constexpr std::size_t kInt4DotWeightBytes = kDotGroup * kPanelColumns / 2;
inline constexpr std::size_t kInt4DotGroupBytes =
    kInt4DotWeightBytes + kDotGroup / kInt4StepRows * kPanelColumns;

// Where the u of an input lies in its group's bytes.
struct Int4DotPlace {
  std::size_t byte;
  unsigned shift;  // 0 or 4
};

constexpr Int4DotPlace Int4DotPlaceOf(std::size_t row, std::size_t column) {
  const std::size_t operand = row / kDotInputs;
  return {operand / 2 * kInt4DotBlockBytes + column * kDotInputs + row % kDotInputs,
          static_cast<unsigned>(operand % 2 * 4)};
}

// Bytes of one panel: its groups, the last one padded with zeros; then its 16 scales.
std::size_t Int4DotPanelBytes(std::size_t n_in);

// Packs the panels `panels` of `source` to `out`, where the first of them begins.
//
//   The scale makes 120 of a column's largest magnitude. Two steps (the one that spans the group's
//   range, and the one below) with two zeros each are tried; the pair with the least squared error
//   is taken, and each weight is then the nearest value, ties to even. Columns that are too small
//   or not finite: as IntegerPanels::Pack has it.
void PackInt4DotPanels(const SourceMatrix& source, IndexRange panels, std::byte* out);

// Whether the scale of column `column` of the panel at `panel` is finite.
bool Int4DotColumnIsFinite(const std::byte* panel, std::size_t column, std::size_t n_in);

// The integer q of row `row` and column `column` of the panel at `panel`.
std::int8_t ReadInt4Dot(const std::byte* panel, std::size_t row, std::size_t column);

// Writes column `column` of the panel at `panel` as floats, each q * scale rounded once.
void CopyInt4DotColumn(const std::byte* panel, std::size_t column, std::span<float> out);

}  // namespace cascade::model::kernels
