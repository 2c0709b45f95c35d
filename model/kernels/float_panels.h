// SPDX-License-Identifier: Apache-2.0
// Weights as floats of one of the element types: a panel is a matrix [n_in][16] as float_rows.h
// lays it out. Private to this room.
#pragma once

#include <cstddef>
#include <span>

#include "model/executor.h"
#include "model/kernels/float_rows.h"
#include "model/kernels/source_matrix.h"

namespace cascade::model::kernels {

// `Rows` is F32Rows, Bf16Rows or F16Rows in each of these.

// Bytes of one panel.
template <typename Rows>
std::size_t FloatPanelBytes(std::size_t n_in);

// Packs the panels `panels` of `source` to `out`, where the first of them begins. Each element is
// rounded to nearest, ties to even; a wider type is exact, and elements of the same type keep their
// bits.
template <typename Rows>
void PackFloatPanels(const SourceMatrix& source, IndexRange panels, std::byte* out);

// Writes column `column` of the panel at `panel` as floats.
template <typename Rows>
void CopyFloatColumn(const std::byte* panel, std::size_t column, std::span<float> out);

}  // namespace cascade::model::kernels
