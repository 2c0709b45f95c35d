// SPDX-License-Identifier: Apache-2.0
// How kernels of the matrix product cut their output. Private to this room.
#pragma once

#include <cstddef>

#include "model/kernels/panel.h"

namespace cascade::model::kernels {

// Panels of any tile, at most: each is a stream of its own in memory, and the hardware prefetches
// only a few streams well.
inline constexpr std::size_t kMaxTilePanels = 4;

// A rectangle of the output: rows [row, row + rows) of panels [panel, panel + panels).
struct OutputTile {
  std::size_t row;
  std::size_t rows;
  std::size_t panel;
  std::size_t panels;

  std::size_t FirstColumn() const { return panel * kPanelColumns; }
  std::size_t Columns() const { return panels * kPanelColumns; }  // padding included
};

struct RowTile {
  std::size_t row;  // the first one
  std::size_t rows;
};

// Rows cut into tiles of at most `max_rows`, as evenly as possible: 13 rows become 6 + 7, not
// 12 + 1, because a tile of one row is much less efficient than the others.
struct RowTiles {
  RowTiles(std::size_t row_count, std::size_t max_rows)
      : rows(row_count), count((row_count + max_rows - 1) / max_rows) {}

  // Divides: once for each tile, not for each use.
  std::size_t Begin(std::size_t tile) const { return rows * tile / count; }
  RowTile Tile(std::size_t tile) const {
    const std::size_t begin = Begin(tile);
    return {.row = begin, .rows = Begin(tile + 1) - begin};
  }

  std::size_t rows;
  std::size_t count;
};

}  // namespace cascade::model::kernels
