// SPDX-License-Identifier: Apache-2.0
// What one product of the float chains hands to the SIMD code, the same for every target. Private
// to this room.
#pragma once

#include <cstddef>

#include "model/kernels/matmul.h"
#include "model/kernels/packed_matrix.h"
#include "model/mat_view.h"

namespace cascade::model::kernels {

struct FloatChainsJob {
  // x in row tiles (RowTiles), one after the other, each [n_in][rows of the tile].
  const float* x;
  std::size_t rows;
  const PackedMatrix& w;
  const Epilogue& epilogue;
  MatF out;
};

}  // namespace cascade::model::kernels
