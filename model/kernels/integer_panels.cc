// SPDX-License-Identifier: Apache-2.0

#include "model/kernels/integer_panels.h"

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

constexpr std::size_t kRowsTogether = 4;  // 64 bytes or more: panels and scales stay aligned

std::size_t RowsWithPadding(std::size_t rows) {
  return (rows + kRowsTogether - 1) / kRowsTogether * kRowsTogether;
}

template <typename Order>
std::size_t RowBytes(std::size_t n_in) {
  return RowsWithPadding(n_in) * kPanelColumns * sizeof(typename Order::Stored);
}

int Quantize(float weight, float scale) {
  return IntegerFromFloat(scale > 0 ? weight / scale : 0.0f);
}

}  // namespace

template <typename Order>
std::size_t IntegerPanels<Order>::Bytes(std::size_t n_in) {
  return RowBytes<Order>(n_in) + kPanelColumns * sizeof(float);
}

template <typename Order>
void IntegerPanels<Order>::Pack(const SourceMatrix& source, IndexRange panels, std::byte* out) {
  const std::vector<PanelScales> scales = FindColumnScales(source, panels, Order::kLargest);
  const std::size_t panel_bytes = Bytes(source.n_in);
  SourceTile tile;
  ForTiles(source, panels, [&](std::size_t p, const SourceTilePosition& at) {
    ReadTile(source, at, tile);
    // The tile has zeros beyond the matrix' last row: the padding of the panel is written too.
    auto* panel = reinterpret_cast<typename Order::Stored*>(out + p * panel_bytes);
    for (std::size_t r = 0; r < RowsWithPadding(at.rows); ++r) {
      for (std::size_t c = 0; c < kPanelColumns; ++c) {
        panel[Order::Index(at.row + r, c)] = Order::Store(Quantize(tile[r][c], scales[p][c]));
      }
    }
  });
  for (std::size_t p = 0; p < scales.size(); ++p) {
    std::memcpy(out + p * panel_bytes + RowBytes<Order>(source.n_in), &scales[p],
                sizeof(PanelScales));
  }
}

template <typename Order>
int IntegerPanels<Order>::Weight(const std::byte* panel, std::size_t row, std::size_t column) {
  const auto* stored = reinterpret_cast<const typename Order::Stored*>(panel);
  return Order::Read(stored[Order::Index(row, column)]);
}

template <typename Order>
const float* IntegerPanels<Order>::Scales(const std::byte* panel, std::size_t n_in) {
  return reinterpret_cast<const float*>(panel + RowBytes<Order>(n_in));
}

template <typename Order>
bool IntegerPanels<Order>::ColumnIsFinite(const std::byte* panel, std::size_t column,
                                          std::size_t n_in) {
  return std::isfinite(Scales(panel, n_in)[column]);
}

template <typename Order>
void IntegerPanels<Order>::CopyColumn(const std::byte* panel, std::size_t column,
                                      std::span<float> out) {
  const float scale = Scales(panel, out.size())[column];
  for (std::size_t k = 0; k < out.size(); ++k) {
    out[k] = static_cast<float>(Weight(panel, k, column)) * scale;
  }
}

template struct IntegerPanels<Int8RowOrder>;
template struct IntegerPanels<Int8DotOrder>;
template struct IntegerPanels<Int16DotOrder>;

}  // namespace cascade::model::kernels
