// SPDX-License-Identifier: Apache-2.0
// Weights as 4-bit integers with one scale for every 16 inputs of an output column:
//
//   w = q * scale, rounded once to float32       q in [-8, 7]
//
// The weight of the largest magnitude in a group becomes -8, so a scale may be negative. In that
// way all sixteen values are in use. Scales are bf16. 5 bits a weight in all. Private to this room.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "model/executor.h"
#include "model/kernels/panel.h"
#include "model/kernels/source_matrix.h"

namespace cascade::model::kernels {

// Inputs that share a scale.
inline constexpr std::size_t kInt4GroupRows = 16;

// Bytes of one group: eight pairs of rows, byte c of pair j being q[2j, c] + 8 in its low half and
// q[2j + 1, c] + 8 in its high half; then the 16 scales.
inline constexpr std::size_t kInt4WeightBytes = kInt4GroupRows / 2 * kPanelColumns;
inline constexpr std::size_t kInt4GroupBytes =
    kInt4WeightBytes + kPanelColumns * sizeof(std::uint16_t);

// Bytes of one panel: its groups, the last one padded.
std::size_t Int4PanelBytes(std::size_t n_in);

// Packs the panels `panels` of `source` to `out`, where the first of them begins.
//
//   scale = bf16(m / -8), m being the weight of the largest magnitude; q = round(w / scale), ties
//   to even, at most 7. A group whose scale would be below 2^-100 is zeros with a scale of zero. A
//   group with a NaN, an infinity or a magnitude from 2^127 on has a scale of NaN, so that
//   everything computed with it is NaN.
void PackInt4Panels(const SourceMatrix& source, IndexRange panels, std::byte* out);

// Whether all scales of column `column` of the panel at `panel` are finite.
bool Int4ColumnIsFinite(const std::byte* panel, std::size_t column, std::size_t n_in);

// Writes column `column` of the panel at `panel` as floats.
void CopyInt4Column(const std::byte* panel, std::size_t column, std::span<float> out);

}  // namespace cascade::model::kernels
