// What one call of MatMul hands to the SIMD code, the same for every target. Private to this room.
#pragma once

#include <cstddef>

#include "model/kernels/matmul.h"
#include "model/kernels/packed_matrix.h"
#include "model/mat_view.h"

namespace cascade::model::kernels {

struct MatMulJob {
  ConstMatF x;
  const PackedMatrix& w;
  const Epilogue& epilogue;
  float* packed_rows;  // x in row tiles, each [n_in][rows of the tile]; the row itself if it is one
  MatF out;
};

// Rows cut into tiles of at most `max_rows`, as even as can be: no tile is much smaller, and so
// much less efficient, than the others.
struct RowTiles {
  RowTiles(std::size_t row_count, std::size_t max_rows)
      : rows(row_count), count((row_count + max_rows - 1) / max_rows) {}

  std::size_t Begin(std::size_t tile) const { return rows * tile / count; }
  std::size_t Size(std::size_t tile) const { return Begin(tile + 1) - Begin(tile); }

  std::size_t rows;
  std::size_t count;
};

}  // namespace cascade::model::kernels
