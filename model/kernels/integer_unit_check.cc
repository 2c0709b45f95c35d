// SPDX-License-Identifier: Apache-2.0

#include "model/kernels/integer_unit_check.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <vector>

#include "model/kernels/output_tile.h"

namespace cascade::model::kernels {
namespace {

constexpr std::size_t kGroups = 3;
constexpr std::size_t kSteps = 2 * kDotGroupSteps + 5;  // the last group is shorter
constexpr std::size_t kPanelBytes = kSteps * kDotInputs * kPanelColumns;

// Operands of a tile, in its own order.
struct Sample {
  std::size_t rows;
  std::size_t panels;
  std::vector<std::int8_t> x;
  std::vector<float> scales;
  std::vector<std::int32_t> offsets;
  std::vector<std::byte> w;
  std::vector<float> chains;

  Sample(std::size_t row_count, std::size_t panel_count)
      : rows(row_count),
        panels(panel_count),
        x((kGroups * rows + kMaxDotRows) * kDotGroup),
        scales(kGroups * rows),
        offsets(kGroups * rows),
        w(panels * kPanelBytes),
        chains(rows * panels * kPanelColumns) {}

  DotOperands Operands(bool from_zero) {
    return {.x = x.data(),
            .scales = scales.data(),
            .offsets = offsets.data(),
            .w = w.data(),
            .panel_stride = kPanelBytes,
            .steps = kSteps,
            .prefetch = {w.data(), 0, 0},
            .from_zero = from_zero,
            .chains = chains.data()};
  }
};

// Every seventh input and eleventh weight is as large as can be, the others are anything.
Sample MakeSample(std::size_t rows, std::size_t panels) {
  Sample sample(rows, panels);
  std::uint32_t state = static_cast<std::uint32_t>(rows * 8 + panels);
  const auto next = [&state] { return (state = state * 1664525u + 1013904223u) >> 24; };
  for (std::size_t i = 0; i < kGroups * rows * kDotGroup; ++i) {
    const int value = static_cast<int>(next() % 255u) - 127;
    sample.x[i] = static_cast<std::int8_t>(i % 7 == 0 ? 127 : value);
    // Beyond the last step are zeros, as in every last group of a row.
    const bool beyond = i / kDotGroup / rows == kGroups - 1 &&
                        i % kDotGroup >= kSteps % kDotGroupSteps * kDotInputs;
    if (beyond) sample.x[i] = 0;
    sample.offsets[i / kDotGroup] -= 128 * sample.x[i];
  }
  for (std::size_t i = 0; i < sample.w.size(); ++i) {
    sample.w[i] = static_cast<std::byte>(i % 11 == 0 ? 255 : 1 + next() % 255u);
  }
  for (float& scale : sample.scales) scale = static_cast<float>(next() + 1) * 0x1p-10f;
  for (float& chain : sample.chains) chain = static_cast<float>(next()) * 0x1p-3f - 16.0f;
  return sample;
}

// The same tile row by row and panel by panel.
std::vector<float> PlainChains(const Sample& sample, bool from_zero) {
  std::vector<float> chains = sample.chains;
  const DotFunction multiply = kPlainUnit->tile(1, 1);
  for (std::size_t r = 0; r < sample.rows; ++r) {
    Sample row(1, 1);
    for (std::size_t g = 0; g < kGroups; ++g) {
      const std::size_t from = g * sample.rows + r;
      std::copy_n(&sample.x[from * kDotGroup], kDotGroup, &row.x[g * kDotGroup]);
      row.scales[g] = sample.scales[from];
      row.offsets[g] = sample.offsets[from];
    }
    for (std::size_t p = 0; p < sample.panels; ++p) {
      DotOperands operands = row.Operands(from_zero);
      operands.w = sample.w.data() + p * kPanelBytes;
      operands.chains = &chains[(r * sample.panels + p) * kPanelColumns];
      multiply(operands);
    }
  }
  return chains;
}

bool TileAgrees(const IntegerUnit& unit, std::size_t rows, std::size_t panels) {
  for (const bool from_zero : {true, false}) {
    Sample sample = MakeSample(rows, panels);
    const std::vector<float> expected = PlainChains(sample, from_zero);
    unit.tile(rows, panels)(sample.Operands(from_zero));
    const std::size_t bytes = expected.size() * sizeof(float);
    if (std::memcmp(sample.chains.data(), expected.data(), bytes) != 0) return false;
  }
  return true;
}

}  // namespace

bool AgreesWithPlain(const IntegerUnit& unit) {
  const IntegerUnitScope scope(unit);
  for (std::size_t rows = 1; rows <= unit.max_rows; ++rows) {
    for (const std::size_t panels : {std::size_t{1}, unit.max_rows_panels, unit.panels(rows)}) {
      if (!TileAgrees(unit, rows, panels)) return false;
    }
  }
  return true;
}

}  // namespace cascade::model::kernels
