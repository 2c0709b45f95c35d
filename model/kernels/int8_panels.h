// SPDX-License-Identifier: Apache-2.0
// Weights as 8-bit integers with one float32 scale an output column:
//
//   scale[n] = max_k |w[k, n]| / 127        q[k, n] = round(w[k, n] / scale[n]), ties to even
//
// and the weight is read as q * scale, at most scale / 2 away from the original. Symmetric: zero
// stays zero, and -128 is never used. Private to this room.
#pragma once

#include <cstddef>
#include <span>

#include "model/executor.h"
#include "model/kernels/source_matrix.h"

namespace cascade::model::kernels {

// Bytes of one panel: its rows, [n_in rounded up to 4][16] of int8, then its 16 scales.
std::size_t Int8PanelBytes(std::size_t n_in);

// Packs the panels `panels` of `source` to `out`, where the first of them begins.
//
//   A column whose weights are all zero, or so small that the scale would be below the smallest
//   normal float (weights below 1.5e-36), is stored as zeros with a scale of zero. A column with a
//   NaN or an infinity is stored as zeros with a scale of NaN, so that every output computed with
//   it is NaN.
void PackInt8Panels(const SourceMatrix& source, IndexRange panels, std::byte* out);

// The 16 scales of the panel at `panel`.
const float* Int8Scales(const std::byte* panel, std::size_t n_in);

// Whether the scale of column `column` of the panel at `panel` is finite.
bool Int8ColumnIsFinite(const std::byte* panel, std::size_t column, std::size_t n_in);

// Writes column `column` of the panel at `panel` as floats, each q * scale rounded once.
void CopyInt8Column(const std::byte* panel, std::size_t column, std::span<float> out);

}  // namespace cascade::model::kernels
