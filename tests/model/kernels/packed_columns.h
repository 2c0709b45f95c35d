// SPDX-License-Identifier: Apache-2.0
// What the tests of packed matrices pack, and what they find in them.
#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "model/kernels/element_types.h"
#include "model/kernels/packed_matrix.h"
#include "model/kernels/source_matrix.h"

namespace cascade::model::kernels {

inline std::vector<float> Column(const PackedMatrix& packed, std::size_t column) {
  std::vector<float> out(packed.n_in());
  packed.CopyColumn(column, out);
  return out;
}

inline SourceMatrix Source(std::span<const float> values, SourceMatrix::Layout layout,
                           std::size_t n_in, std::size_t n_out) {
  return {.bytes = std::as_bytes(values),
          .type = ElementType::kF32,
          .layout = layout,
          .n_in = n_in,
          .n_out = n_out};
}

}  // namespace cascade::model::kernels
