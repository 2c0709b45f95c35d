// SPDX-License-Identifier: Apache-2.0

#include "model/kernels/float_panels.h"

#include <array>
#include <cstdint>
#include <cstring>
#include <type_traits>

#include "model/kernels/panel.h"
#include "model/kernels/source_tile.h"

namespace cascade::model::kernels {
namespace {

static_assert(kPackRows % Bf16Rows::kTogether == 0, "no tile cuts a pair of rows");

// Reads a tile of 16-bit floats. Elements that have the type already are not converted, so that a
// NaN keeps its bits.
template <typename Rows>
void ReadRounded(const SourceMatrix& source, const SourceTilePosition& at, SourceBits& bits) {
  if (source.type == Rows::kType) return ReadBits(source, at, bits);
  SourceTile tile;
  ReadTile(source, at, tile);
  for (std::size_t r = 0; r < kPackRows; ++r) {
    for (std::size_t c = 0; c < kPanelColumns; ++c) bits[r][c] = Rows::Round(tile[r][c]);
  }
}

// Writes the first `rows` rows in pairs, an odd last one with zeros.
void WritePairs(const SourceBits& bits, std::size_t rows, std::byte* out) {
  std::array<std::uint32_t, kPanelColumns> pair;
  for (std::size_t r = 0; r < rows; r += 2, out += sizeof(pair)) {
    for (std::size_t c = 0; c < kPanelColumns; ++c) {
      pair[c] = bits[r][c] | std::uint32_t{bits[r + 1][c]} << 16;
    }
    std::memcpy(out, pair.data(), sizeof(pair));
  }
}

// Packs one tile to `out`, where the panel's row of that number begins.
template <typename Rows>
void PackTile(const SourceMatrix& source, const SourceTilePosition& at, std::byte* out) {
  if constexpr (std::is_same_v<Rows, F32Rows>) {
    SourceTile tile;
    ReadTile(source, at, tile);
    std::memcpy(out, tile.data(), at.rows * sizeof(tile[0]));
  } else {
    SourceBits bits;
    ReadRounded<Rows>(source, at, bits);
    if constexpr (std::is_same_v<Rows, Bf16Rows>) {
      WritePairs(bits, at.rows, out);
    } else {
      std::memcpy(out, bits.data(), at.rows * sizeof(bits[0]));
    }
  }
}

}  // namespace

template <typename Rows>
std::size_t FloatPanelBytes(std::size_t n_in) {
  return RowsBytes<Rows>(n_in, kPanelColumns);
}

template <typename Rows>
void PackFloatPanels(const SourceMatrix& source, IndexRange panels, std::byte* out) {
  const std::size_t panel_bytes = FloatPanelBytes<Rows>(source.n_in);
  ForTiles(source, panels, [&](std::size_t p, const SourceTilePosition& at) {
    PackTile<Rows>(source, at, out + p * panel_bytes + RowsBytes<Rows>(at.row, kPanelColumns));
  });
}

template <typename Rows>
void CopyFloatColumn(const std::byte* panel, std::size_t column, std::span<float> out) {
  for (std::size_t k = 0; k < out.size(); ++k) {
    out[k] = ReadElement<Rows>(panel, Rows::Index(k, column, kPanelColumns));
  }
}

template std::size_t FloatPanelBytes<F32Rows>(std::size_t n_in);
template std::size_t FloatPanelBytes<Bf16Rows>(std::size_t n_in);
template std::size_t FloatPanelBytes<F16Rows>(std::size_t n_in);
template void PackFloatPanels<F32Rows>(const SourceMatrix&, IndexRange, std::byte*);
template void PackFloatPanels<Bf16Rows>(const SourceMatrix&, IndexRange, std::byte*);
template void PackFloatPanels<F16Rows>(const SourceMatrix&, IndexRange, std::byte*);
template void CopyFloatColumn<F32Rows>(const std::byte*, std::size_t, std::span<float>);
template void CopyFloatColumn<Bf16Rows>(const std::byte*, std::size_t, std::span<float>);
template void CopyFloatColumn<F16Rows>(const std::byte*, std::size_t, std::span<float>);

}  // namespace cascade::model::kernels
