// SPDX-License-Identifier: Apache-2.0

#include "model/kernels/integer_unit_check.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <vector>

#include "model/kernels/int4_dot_panels.h"
#include "model/kernels/int8_panels.h"
#include "model/kernels/output_tile.h"

namespace cascade::model::kernels {
namespace {

constexpr std::size_t kGroups = 3;
constexpr std::size_t kSteps = 2 * kDotGroupSteps + 5;  // the last group is shorter
constexpr std::size_t kPanelBytes = kSteps * kDotInputs * kPanelColumns;
constexpr std::size_t kInt4PanelBytes = kGroups * kInt4DotGroupBytes;

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

// Numbers from 0 to 255.
class Bytes {
 public:
  explicit Bytes(std::size_t seed) : state_(static_cast<std::uint32_t>(seed)) {}
  std::uint32_t Next() { return (state_ = state_ * 1664525u + 1013904223u) >> 24; }

 private:
  std::uint32_t state_;
};

// Every seventh input and eleventh weight is as large as can be, the others are anything.
Sample MakeSample(std::size_t rows, std::size_t panels) {
  Sample sample(rows, panels);
  Bytes bytes(rows * 8 + panels);
  for (std::size_t i = 0; i < kGroups * rows * kDotGroup; ++i) {
    const int value = static_cast<int>(bytes.Next() % 255u) - 127;
    sample.x[i] = static_cast<std::int8_t>(i % 7 == 0 ? 127 : value);
    // Beyond the last step are zeros, as in every last group of a row.
    const bool beyond = i / kDotGroup / rows == kGroups - 1 &&
                        i % kDotGroup >= kSteps % kDotGroupSteps * kDotInputs;
    if (beyond) sample.x[i] = 0;
    sample.offsets[i / kDotGroup] -= 128 * sample.x[i];
  }
  for (std::size_t i = 0; i < sample.w.size(); ++i) {
    sample.w[i] = static_cast<std::byte>(i % 11 == 0 ? 255 : 1 + bytes.Next() % 255u);
  }
  for (float& scale : sample.scales) scale = static_cast<float>(bytes.Next() + 1) * 0x1p-10f;
  for (float& chain : sample.chains) chain = static_cast<float>(bytes.Next()) * 0x1p-3f - 16.0f;
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

bool IsSame(const std::vector<float>& a, const std::vector<float>& b) {
  return a.size() == b.size() && std::memcmp(a.data(), b.data(), a.size() * sizeof(float)) == 0;
}

bool TileAgrees(const IntegerUnit& unit, std::size_t rows, std::size_t panels) {
  for (const bool from_zero : {true, false}) {
    Sample sample = MakeSample(rows, panels);
    const std::vector<float> expected = PlainChains(sample, from_zero);
    unit.tile(rows, panels)(sample.Operands(from_zero));
    if (!IsSame(sample.chains, expected)) return false;
  }
  return true;
}

// Panels of int4 weights with any u and zero, and steps up to 8: no weight is then above 127.
std::vector<std::byte> MakeInt4Panels(std::size_t panels) {
  Bytes bytes(panels);
  std::vector<std::byte> w(panels * kInt4PanelBytes);
  for (std::size_t i = 0; i < w.size(); ++i) {
    const bool is_weight = i % kInt4DotGroupBytes < kInt4DotWeightBytes;
    const std::uint32_t byte = bytes.Next();
    w[i] = std::byte(is_weight ? byte : (byte & 0xf0u) + 1 + byte % 8);
  }
  return w;
}

// Panels of int8 weights from panels of int4 ones.
std::vector<std::byte> Unpacked(const std::vector<std::byte>& int4) {
  std::vector<std::byte> w(int4.size() / kInt4PanelBytes * kPanelBytes);
  for (std::size_t p = 0; p * kInt4PanelBytes < int4.size(); ++p) {
    for (std::size_t i = 0; i < kSteps * kDotInputs; ++i) {
      for (std::size_t c = 0; c < kPanelColumns; ++c) {
        w[p * kPanelBytes + Int8DotOrder::Index(i, c)] =
            Int8DotOrder::Store(ReadInt4Dot(&int4[p * kInt4PanelBytes], i, c));
      }
    }
  }
  return w;
}

bool Int4TileAgrees(const IntegerUnit& unit, std::size_t rows, std::size_t panels) {
  const std::vector<std::byte> int4 = MakeInt4Panels(panels);
  for (const bool from_zero : {true, false}) {
    Sample sample = MakeSample(rows, panels);
    sample.w = Unpacked(int4);
    const std::vector<float> expected = PlainChains(sample, from_zero);
    DotOperands operands = sample.Operands(from_zero);
    operands.w = int4.data();
    operands.panel_stride = kInt4PanelBytes;
    unit.int4_tile(rows, panels)(operands);
    if (!IsSame(sample.chains, expected)) return false;
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
    const std::size_t int4_panels = unit.int4_panels(rows);
    if (int4_panels == 0) continue;
    for (const std::size_t panels : {std::size_t{1}, int4_panels}) {
      if (!Int4TileAgrees(unit, rows, panels)) return false;
    }
  }
  return true;
}

}  // namespace cascade::model::kernels
