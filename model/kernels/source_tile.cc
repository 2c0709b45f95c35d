// SPDX-License-Identifier: Apache-2.0

#include "model/kernels/source_tile.h"

#include <algorithm>
#include <bit>
#include <cassert>
#include <cstdint>
#include <cstring>

#include "model/kernels/element_types.h"
#include "model/kernels/float_bits.h"

namespace cascade::model::kernels {
namespace {

static_assert(std::endian::native == std::endian::little, "weight files are little-endian");

// Copies elements as they are; zeros where the source has none.
template <typename T>
void Copy(const SourceMatrix& source, const SourceTilePosition& at,
          std::array<std::array<T, kPanelColumns>, kPackRows>& tile) {
  assert(sizeof(T) == BytesPerElement(source.type));
  tile = {};
  if (source.layout == SourceMatrix::Layout::kInOut) {
    constexpr std::size_t kWhole = kPanelColumns * sizeof(T);  // known: copied in registers
    for (std::size_t r = 0; r < at.rows; ++r) {
      const std::byte* from = &source.bytes[((at.row + r) * source.n_out + at.column) * sizeof(T)];
      if (at.columns == kPanelColumns) {
        std::memcpy(tile[r].data(), from, kWhole);
      } else {
        std::memcpy(tile[r].data(), from, at.columns * sizeof(T));
      }
    }
    return;
  }
  for (std::size_t c = 0; c < at.columns; ++c) {
    const std::size_t first = (at.column + c) * source.n_in + at.row;
    std::array<T, kPackRows> column = {};
    std::memcpy(column.data(), &source.bytes[first * sizeof(T)], at.rows * sizeof(T));
    for (std::size_t r = 0; r < kPackRows; ++r) tile[r][c] = column[r];
  }
}

template <typename Convert>
void Widen(const SourceBits& bits, Convert convert, SourceTile& tile) {
  for (std::size_t r = 0; r < kPackRows; ++r) {
    for (std::size_t c = 0; c < kPanelColumns; ++c) tile[r][c] = convert(bits[r][c]);
  }
}

}  // namespace

SourceTilePosition TileAt(const SourceMatrix& source, std::size_t row, std::size_t panel) {
  const std::size_t column = panel * kPanelColumns;
  return {.row = row,
          .column = column,
          .rows = std::min(kPackRows, source.n_in - row),
          .columns = std::min(kPanelColumns, source.n_out - column)};
}

void ReadTile(const SourceMatrix& source, const SourceTilePosition& at, SourceTile& tile) {
  if (source.type == ElementType::kF32) return Copy(source, at, tile);
  SourceBits bits;
  ReadBits(source, at, bits);
  if (source.type == ElementType::kBf16) {
    Widen(bits, FloatFromBf16, tile);
  } else {
    Widen(bits, FloatFromF16, tile);
  }
}

void ReadBits(const SourceMatrix& source, const SourceTilePosition& at, SourceBits& tile) {
  Copy(source, at, tile);
}

}  // namespace cascade::model::kernels
