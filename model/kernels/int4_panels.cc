// SPDX-License-Identifier: Apache-2.0

#include "model/kernels/int4_panels.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <cstring>
#include <limits>

#include "model/kernels/float_bits.h"
#include "model/kernels/source_tile.h"

namespace cascade::model::kernels {
namespace {

static_assert(kPackRows == kInt4GroupRows, "a tile is a group");

constexpr float kSmallestScale = 0x1p-100f;  // scale / 16 and scale * 8 are then normal
constexpr float kLimit = 0x1p127f;
constexpr float kOffset = 8.0f;

using Scales = std::array<std::uint16_t, kPanelColumns>;

std::size_t GroupCount(std::size_t n_in) { return (n_in + kInt4GroupRows - 1) / kInt4GroupRows; }

std::uint16_t ScaleOf(const SourceTile& tile, std::size_t column) {
  float largest = 0.0f;
  for (const auto& row : tile) {
    const float weight = row[column];
    if (!(std::abs(weight) < kLimit)) {
      return Bf16FromFloat(std::numeric_limits<float>::quiet_NaN());
    }
    if (std::abs(weight) > std::abs(largest)) largest = weight;
  }
  const float scale = largest / -8.0f;
  return std::abs(scale) < kSmallestScale ? std::uint16_t{0} : Bf16FromFloat(scale);
}

// q + 8, from 0 to 15.
std::uint32_t Quantize(float weight, float scale) {
  // Floats near 1.5 * 2^23 are one apart, so adding and subtracting that rounds to an integer.
  constexpr float kRound = 0x1.8p23f;
  const bool usable = scale < 0 || scale > 0;
  const float rounded = (usable ? weight / scale : 0.0f) + kRound - kRound;
  return static_cast<std::uint32_t>(std::clamp(rounded, -8.0f, 7.0f) + kOffset);
}

void PackGroup(const SourceTile& tile, std::byte* out) {
  Scales scales = {};
  for (std::size_t c = 0; c < kPanelColumns; ++c) scales[c] = ScaleOf(tile, c);
  for (std::size_t r = 0; r < kInt4GroupRows; r += 2) {
    for (std::size_t c = 0; c < kPanelColumns; ++c) {
      const float scale = FloatFromBf16(scales[c]);
      const std::uint32_t pair = Quantize(tile[r][c], scale) | Quantize(tile[r + 1][c], scale) << 4;
      out[r / 2 * kPanelColumns + c] = static_cast<std::byte>(pair);
    }
  }
  std::memcpy(out + kInt4WeightBytes, scales.data(), sizeof(scales));
}

float ScaleAt(const std::byte* group, std::size_t column) {
  std::uint16_t bits = 0;
  std::memcpy(&bits, group + kInt4WeightBytes + column * sizeof(bits), sizeof(bits));
  return FloatFromBf16(bits);
}

}  // namespace

std::size_t Int4PanelBytes(std::size_t n_in) { return GroupCount(n_in) * kInt4GroupBytes; }

void PackInt4Panels(const SourceMatrix& source, IndexRange panels, std::byte* out) {
  const std::size_t panel_bytes = Int4PanelBytes(source.n_in);
  SourceTile tile;
  ForTiles(source, panels, [&](std::size_t p, const SourceTilePosition& at) {
    ReadTile(source, at, tile);
    PackGroup(tile, out + p * panel_bytes + at.row / kInt4GroupRows * kInt4GroupBytes);
  });
}

bool Int4ColumnIsFinite(const std::byte* panel, std::size_t column, std::size_t n_in) {
  for (std::size_t g = 0; g < GroupCount(n_in); ++g) {
    if (!std::isfinite(ScaleAt(panel + g * kInt4GroupBytes, column))) return false;
  }
  return true;
}

void CopyInt4Column(const std::byte* panel, std::size_t column, std::span<float> out) {
  for (std::size_t k = 0; k < out.size(); ++k) {
    const std::byte* group = panel + k / kInt4GroupRows * kInt4GroupBytes;
    const std::size_t row = k % kInt4GroupRows;
    const auto pair = std::to_integer<std::uint32_t>(group[row / 2 * kPanelColumns + column]);
    const std::uint32_t stored = row % 2 == 0 ? pair & 0xfu : pair >> 4;
    const float scale = ScaleAt(group, column);
    out[k] = std::fma(static_cast<float>(stored), scale, -kOffset * scale);  // zero is never -0
  }
}

}  // namespace cascade::model::kernels
