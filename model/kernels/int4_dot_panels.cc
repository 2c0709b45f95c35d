// SPDX-License-Identifier: Apache-2.0

#include "model/kernels/int4_dot_panels.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>
#include <vector>

#include "model/kernels/column_scales.h"
#include "model/kernels/source_tile.h"

namespace cascade::model::kernels {
namespace {

static_assert(kPackRows == kInt4StepRows, "a source tile has the rows that share a step");

constexpr float kLargestValue = 15.0f;  // of u, zero and step
// No multiple of a step that is next to a weight is then above 126, which is 9 * 14: so neither q
// nor zero * step is.
constexpr float kLargestWeight = 120.0f;

std::size_t GroupCount(std::size_t n_in) { return (n_in + kDotGroup - 1) / kDotGroup; }

const float* Scales(const std::byte* panel, std::size_t n_in) {
  return reinterpret_cast<const float*>(panel + GroupCount(n_in) * kInt4DotGroupBytes);
}

using Weights = std::array<float, kInt4StepRows>;  // of a group, over the column's scale

struct Fit {
  float step;
  float zero;
  float error = 0.0f;  // the sum of its squares
};

// Rounds to an integer, ties to even: floats near 1.5 * 2^23 are one apart.
float Round(float value) {
  constexpr float kRound = 0x1.8p23f;
  return value + kRound - kRound;
}

float ValueOf(float weight, const Fit& fit) {
  return std::clamp(Round(weight / fit.step) + fit.zero, 0.0f, kLargestValue);
}

Fit Measure(const Weights& weights, float step, float zero) {
  Fit fit{step, zero};
  for (const float weight : weights) {
    const float error = weight - (ValueOf(weight, fit) - zero) * step;
    fit.error += error * error;
  }
  return fit;
}

// The step that holds the whole range, and the one below, which cuts off its ends and is finer
// between them; with each, the two zeros next to where the range has it.
Fit BestFit(const Weights& weights) {
  const auto [smallest, largest] = std::ranges::minmax(weights);
  const float below = std::min(smallest, 0.0f);
  const float range = std::max(largest, 0.0f) - below;
  const float whole = std::clamp(std::ceil(range / kLargestValue), 1.0f, kLargestValue);
  Fit best{};
  for (const float step : {whole, std::max(whole - 1.0f, 1.0f)}) {
    const float zero = std::min(std::floor(-below / step), kLargestValue);
    for (const float z : {zero, std::min(zero + 1.0f, kLargestValue)}) {
      const Fit fit = Measure(weights, step, z);
      if (best.step == 0.0f || fit.error < best.error) best = fit;
    }
  }
  return best;
}

Weights ScaledColumn(const SourceTile& tile, std::size_t column, float scale) {
  Weights weights = {};
  if (!(scale > 0)) return weights;
  for (std::size_t r = 0; r < weights.size(); ++r) weights[r] = tile[r][column] / scale;
  return weights;
}

// Packs 16 rows from row `row` of a group of one panel. REQUIRES: the group's bytes are zero there.
void PackRows(const SourceTile& tile, const PanelScales& scales, std::size_t row,
              std::byte* group) {
  for (std::size_t c = 0; c < kPanelColumns; ++c) {
    const Weights weights = ScaledColumn(tile, c, scales[c]);
    const Fit fit = BestFit(weights);
    for (std::size_t r = 0; r < kInt4StepRows; ++r) {
      const Int4DotPlace place = Int4DotPlaceOf(row + r, c);
      group[place.byte] |=
          std::byte(static_cast<unsigned>(ValueOf(weights[r], fit)) << place.shift);
    }
    group[kInt4DotWeightBytes + row / kInt4StepRows * kPanelColumns + c] =
        std::byte(static_cast<unsigned>(fit.step) | static_cast<unsigned>(fit.zero) << 4);
  }
}

}  // namespace

std::size_t Int4DotPanelBytes(std::size_t n_in) {
  return GroupCount(n_in) * kInt4DotGroupBytes + sizeof(PanelScales);
}

void PackInt4DotPanels(const SourceMatrix& source, IndexRange panels, std::byte* out) {
  const std::vector<PanelScales> scales = FindColumnScales(source, panels, kLargestWeight);
  const std::size_t panel_bytes = Int4DotPanelBytes(source.n_in);
  std::memset(out, 0, scales.size() * panel_bytes);
  SourceTile tile;
  ForTiles(source, panels, [&](std::size_t p, const SourceTilePosition& at) {
    ReadTile(source, at, tile);
    PackRows(tile, scales[p], at.row % kDotGroup,
             out + p * panel_bytes + at.row / kDotGroup * kInt4DotGroupBytes);
  });
  for (std::size_t p = 0; p < scales.size(); ++p) {
    std::memcpy(out + (p + 1) * panel_bytes - sizeof(PanelScales), &scales[p], sizeof(PanelScales));
  }
}

bool Int4DotColumnIsFinite(const std::byte* panel, std::size_t column, std::size_t n_in) {
  return std::isfinite(Scales(panel, n_in)[column]);
}

std::int8_t ReadInt4Dot(const std::byte* panel, std::size_t row, std::size_t column) {
  const std::byte* group = panel + row / kDotGroup * kInt4DotGroupBytes;
  const std::size_t in_group = row % kDotGroup;
  const Int4DotPlace place = Int4DotPlaceOf(in_group, column);
  const int u = std::to_integer<int>(group[place.byte] >> place.shift & std::byte{15});
  const int fit = std::to_integer<int>(
      group[kInt4DotWeightBytes + in_group / kInt4StepRows * kPanelColumns + column]);
  return static_cast<std::int8_t>((u - fit / 16) * (fit % 16));
}

void CopyInt4DotColumn(const std::byte* panel, std::size_t column, std::span<float> out) {
  const float scale = Scales(panel, out.size())[column];
  for (std::size_t k = 0; k < out.size(); ++k) {
    out[k] = static_cast<float>(ReadInt4Dot(panel, k, column)) * scale;
  }
}

}  // namespace cascade::model::kernels
