// SPDX-License-Identifier: Apache-2.0

#include "model/kernels/column_scales.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>

#include "model/kernels/source_tile.h"

namespace cascade::model::kernels {
namespace {

// The larger magnitude; infinity if either is NaN or infinite.
float LargerMagnitude(float largest, float value) {
  const float magnitude = std::abs(value);
  if (!(magnitude <= std::numeric_limits<float>::max())) {
    return std::numeric_limits<float>::infinity();
  }
  return magnitude > largest ? magnitude : largest;
}

float ScaleOf(float magnitude, float largest) {
  if (std::isinf(magnitude)) return std::numeric_limits<float>::quiet_NaN();
  const float scale = magnitude / largest;
  return scale < std::numeric_limits<float>::min() ? 0.0f : scale;
}

}  // namespace

std::vector<PanelScales> FindColumnScales(const SourceMatrix& source, IndexRange panels,
                                          float largest) {
  std::vector<PanelScales> scales(panels.end - panels.begin);
  SourceTile tile;
  ForTiles(source, panels, [&](std::size_t p, const SourceTilePosition& at) {
    ReadTile(source, at, tile);
    for (const auto& weights : tile) {
      for (std::size_t c = 0; c < kPanelColumns; ++c) {
        scales[p][c] = LargerMagnitude(scales[p][c], weights[c]);
      }
    }
  });
  for (PanelScales& panel : scales) {
    for (float& scale : panel) scale = ScaleOf(scale, largest);
  }
  return scales;
}

}  // namespace cascade::model::kernels
