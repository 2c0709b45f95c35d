// What one call of MatMul hands to the SIMD code, the same for every target. Private to this room.
#pragma once

#include <cstddef>

#include "model/kernels/matmul.h"
#include "model/kernels/packed_matrix.h"
#include "model/kernels/panel.h"
#include "model/mat_view.h"

namespace cascade::model::kernels {

struct MatMulJob {
  // x in row tiles (RowTiles), one after the other, each [n_in][rows of the tile].
  const float* x;
  std::size_t rows;
  const PackedMatrix& w;
  const Epilogue& epilogue;
  MatF out;
};

// A rectangle of the output: whole rows of some panels.
struct OutputTile {
  std::size_t row;
  std::size_t rows;
  std::size_t panel;
  std::size_t panels;

  std::size_t FirstColumn() const { return panel * kPanelColumns; }
  std::size_t Columns() const { return panels * kPanelColumns; }  // padding included
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
