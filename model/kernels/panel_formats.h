// SPDX-License-Identifier: Apache-2.0
// The table of panel formats: how the weight matrices of each precision lie in memory.
//
// Three things are kept apart. Storage is the type of the elements in a weight file
// (SourceMatrix::type). Layout is the panel format, a row of this table. Arithmetic is the kernel
// family, which the row names: it reads panels of this format and of others. A new format is a row
// here and a reader in its family. Private to this room.
#pragma once

#include <cstddef>
#include <span>
#include <string_view>

#include "model/executor.h"
#include "model/kernels/element_types.h"
#include "model/kernels/kernel_family.h"
#include "model/kernels/source_matrix.h"

namespace cascade::model::kernels {

struct PanelFormat {
  Precision precision;
  std::string_view weights_name;
  KernelFamily family;

  // Bytes of one panel of n_in rows.
  std::size_t (*panel_bytes)(std::size_t n_in);

  // Packs the panels `panels` of `source` to `out`, where the first of them begins.
  void (*pack)(const SourceMatrix& source, IndexRange panels, std::byte* out);

  // Writes column `column` of the panel at `panel` as floats to `out`, [n_in].
  void (*copy_column)(const std::byte* panel, std::size_t column, std::span<float> out);

  // Whether a column's scales are finite, which they are unless a weight is NaN or infinite.
  // Null for formats without scales: they hold such weights as they are.
  bool (*column_is_finite)(const std::byte* panel, std::size_t column, std::size_t n_in);
};

// REQUIRES: IsSupported(precision).
const PanelFormat& FormatOf(const Precision& precision);

}  // namespace cascade::model::kernels
