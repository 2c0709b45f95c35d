// SPDX-License-Identifier: Apache-2.0
// Reading a matrix as a weight file stores it, a tile at a time. Private to this room.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "model/executor.h"
#include "model/kernels/panel.h"
#include "model/kernels/source_matrix.h"

namespace cascade::model::kernels {

// Packing goes tile by tile: a source tile is kPackRows rows of one panel, as floats. A multiple of
// the rows that any type stores together.
inline constexpr std::size_t kPackRows = 16;
using SourceTile = std::array<std::array<float, kPanelColumns>, kPackRows>;

// Where a tile lies, and how much of it the matrix has: at the edges fewer rows or columns.
struct SourceTilePosition {
  std::size_t row = 0;
  std::size_t column = 0;
  std::size_t rows = 0;
  std::size_t columns = 0;
};

// The tile of panel `panel` whose first row is `row`.
SourceTilePosition TileAt(const SourceMatrix& source, std::size_t row, std::size_t panel);

// The same with the bits of 16-bit elements.
using SourceBits = std::array<std::array<std::uint16_t, kPanelColumns>, kPackRows>;

// Fills `tile` with the source's elements, exactly, and with zeros where the source has none.
void ReadTile(const SourceMatrix& source, const SourceTilePosition& at, SourceTile& tile);

// The same with the elements' own bits. REQUIRES: source.type has 16 bits.
void ReadBits(const SourceMatrix& source, const SourceTilePosition& at, SourceBits& tile);

// Calls visit(p, at) for every tile of `panels`, p counting the panels from zero: along the rows,
// so that a row of an [n_in, n_out] source is read in long runs.
template <typename Visit>
void ForTiles(const SourceMatrix& source, IndexRange panels, const Visit& visit) {
  for (std::size_t row = 0; row < source.n_in; row += kPackRows) {
    for (std::size_t p = panels.begin; p < panels.end; ++p) {
      visit(p - panels.begin, TileAt(source, row, p));
    }
  }
}

}  // namespace cascade::model::kernels
