// SPDX-License-Identifier: Apache-2.0

#include "model/kernels/int8_panels.h"

#include <cmath>
#include <cstdint>
#include <cstring>
#include <vector>

#include "model/kernels/column_scales.h"
#include "model/kernels/float_bits.h"
#include "model/kernels/panel.h"
#include "model/kernels/source_tile.h"

namespace cascade::model::kernels {
namespace {

constexpr std::size_t kRowsTogether = 4;  // 64 bytes: panels and scales stay aligned
constexpr float kLargest = 127.0f;

std::size_t RowsWithPadding(std::size_t rows) {
  return (rows + kRowsTogether - 1) / kRowsTogether * kRowsTogether;
}

std::size_t RowBytes(std::size_t n_in) { return RowsWithPadding(n_in) * kPanelColumns; }

std::int8_t Quantize(float weight, float scale) {
  return Int8FromFloat(scale > 0 ? weight / scale : 0.0f);
}

}  // namespace

std::size_t Int8PanelBytes(std::size_t n_in) {
  return RowBytes(n_in) + kPanelColumns * sizeof(float);
}

template <typename Order>
void PackInt8Panels(const SourceMatrix& source, IndexRange panels, std::byte* out) {
  const std::vector<PanelScales> scales = FindColumnScales(source, panels, kLargest);
  const std::size_t panel_bytes = Int8PanelBytes(source.n_in);
  SourceTile tile;
  ForTiles(source, panels, [&](std::size_t p, const SourceTilePosition& at) {
    ReadTile(source, at, tile);
    // The tile has zeros beyond the matrix' last row: the padding of the panel is written too.
    std::byte* panel = out + p * panel_bytes;
    for (std::size_t r = 0; r < RowsWithPadding(at.rows); ++r) {
      for (std::size_t c = 0; c < kPanelColumns; ++c) {
        panel[Order::Index(at.row + r, c)] = Order::Store(Quantize(tile[r][c], scales[p][c]));
      }
    }
  });
  for (std::size_t p = 0; p < scales.size(); ++p) {
    std::memcpy(out + p * panel_bytes + RowBytes(source.n_in), &scales[p], sizeof(PanelScales));
  }
}

const float* Int8Scales(const std::byte* panel, std::size_t n_in) {
  return reinterpret_cast<const float*>(panel + RowBytes(n_in));
}

bool Int8ColumnIsFinite(const std::byte* panel, std::size_t column, std::size_t n_in) {
  return std::isfinite(Int8Scales(panel, n_in)[column]);
}

template <typename Order>
void CopyInt8Column(const std::byte* panel, std::size_t column, std::span<float> out) {
  const float scale = Int8Scales(panel, out.size())[column];
  for (std::size_t k = 0; k < out.size(); ++k) {
    out[k] = static_cast<float>(Order::Read(panel[Order::Index(k, column)])) * scale;
  }
}

template void PackInt8Panels<Int8RowOrder>(const SourceMatrix&, IndexRange, std::byte*);
template void PackInt8Panels<Int8DotOrder>(const SourceMatrix&, IndexRange, std::byte*);
template void CopyInt8Column<Int8RowOrder>(const std::byte*, std::size_t, std::span<float>);
template void CopyInt8Column<Int8DotOrder>(const std::byte*, std::size_t, std::span<float>);

}  // namespace cascade::model::kernels
