// SPDX-License-Identifier: Apache-2.0

#include "model/kernels/integer_unit_check.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <vector>

#include "model/kernels/int4_dot_panels.h"
#include "model/kernels/integer_panels.h"
#include "model/kernels/output_tile.h"
#include "model/kernels/rounded_rows.h"

namespace cascade::model::kernels {
namespace {

constexpr std::size_t kGroups = 3;
constexpr std::size_t kLastSteps = 5;  // the last group is shorter
constexpr std::size_t kInt4PanelBytes = kGroups * kInt4DotGroupBytes;

// What is multiplied: inputs and weights of 8 bits, or of 16.
struct Bytes {
  using Inputs = Int8Inputs;
  using Order = Int8DotOrder;
  static constexpr std::size_t kGroupSteps = kDotGroupSteps;
  static const DotTiles& TilesOf(const IntegerUnit& unit) { return unit.bytes; }
};

struct Words {
  using Inputs = Int16Inputs;
  using Order = Int16DotOrder;
  static constexpr std::size_t kGroupSteps = kWordDotGroupSteps;
  static const DotTiles& TilesOf(const IntegerUnit& unit) { return unit.words; }
};

template <typename Of>
constexpr std::size_t kSteps = (kGroups - 1) * Of::kGroupSteps + kLastSteps;
template <typename Of>
constexpr std::size_t kPanelBytes = kSteps<Of>* kDotStepWeightBytes;

// Operands of a tile, in its own order.
template <typename Of>
struct Sample {
  std::size_t rows;
  std::size_t panels;
  std::vector<typename Of::Inputs::Value> x;
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
        w(panels * kPanelBytes<Of>),
        chains(rows * panels * kPanelColumns) {}

  DotOperands Operands(bool from_zero) {
    return {.x = reinterpret_cast<const std::byte*>(x.data()),
            .scales = scales.data(),
            .offsets = offsets.data(),
            .w = w.data(),
            .panel_stride = kPanelBytes<Of>,
            .steps = kSteps<Of>,
            .prefetch = {w.data(), 0, 0},
            .from_zero = from_zero,
            .chains = chains.data()};
  }
};

class Numbers {
 public:
  explicit Numbers(std::size_t seed) : state_(static_cast<std::uint32_t>(seed)) {}

  // From 0 to limit - 1. REQUIRES: a limit of at most 2^16.
  std::uint32_t Below(std::uint32_t limit) {
    return ((state_ = state_ * 1664525u + 1013904223u) >> 16) % limit;
  }

  // From -largest to largest.
  int Within(int largest) {
    return static_cast<int>(Below(static_cast<std::uint32_t>(2 * largest + 1))) - largest;
  }

 private:
  std::uint32_t state_;
};

// Every seventh input and eleventh weight is as large as can be, the others are anything.
template <typename Of>
Sample<Of> MakeSample(std::size_t rows, std::size_t panels) {
  constexpr int kLargestInput = static_cast<int>(Of::Inputs::kLargest);
  constexpr int kLargestWeight = Of::Order::kLargest;
  Sample<Of> sample(rows, panels);
  Numbers numbers(rows * 8 + panels);
  for (std::size_t i = 0; i < kGroups * rows * kDotGroup; ++i) {
    const int value = numbers.Within(kLargestInput);
    // Beyond the last step are zeros, as in every last group of a row.
    const bool beyond = i / kDotGroup / rows == kGroups - 1 &&
                        i % kDotGroup * Of::kGroupSteps >= kLastSteps * kDotGroup;
    const int input = i % 7 == 0 ? kLargestInput : value;
    sample.x[i] = static_cast<typename Of::Inputs::Value>(beyond ? 0 : input);
    sample.offsets[i / kDotGroup] -= 128 * sample.x[i];
  }
  auto* weights = reinterpret_cast<typename Of::Order::Stored*>(sample.w.data());
  for (std::size_t i = 0; i < sample.w.size() / sizeof(weights[0]); ++i) {
    const int value = numbers.Within(kLargestWeight);
    weights[i] = Of::Order::Store(i % 11 == 0 ? kLargestWeight : value);
  }
  for (float& scale : sample.scales) scale = static_cast<float>(numbers.Below(256) + 1) * 0x1p-10f;
  for (float& chain : sample.chains) {
    chain = static_cast<float>(numbers.Below(256)) * 0x1p-3f - 16.0f;
  }
  return sample;
}

// The same tile row by row and panel by panel.
template <typename Of>
std::vector<float> PlainChains(const Sample<Of>& sample, bool from_zero) {
  std::vector<float> chains = sample.chains;
  const DotFunction multiply = Of::TilesOf(*kPlainUnit).tile(1, 1);
  for (std::size_t r = 0; r < sample.rows; ++r) {
    Sample<Of> row(1, 1);
    for (std::size_t g = 0; g < kGroups; ++g) {
      const std::size_t from = g * sample.rows + r;
      std::copy_n(&sample.x[from * kDotGroup], kDotGroup, &row.x[g * kDotGroup]);
      row.scales[g] = sample.scales[from];
      row.offsets[g] = sample.offsets[from];
    }
    for (std::size_t p = 0; p < sample.panels; ++p) {
      DotOperands operands = row.Operands(from_zero);
      operands.w = sample.w.data() + p * kPanelBytes<Of>;
      operands.chains = &chains[(r * sample.panels + p) * kPanelColumns];
      multiply(operands);
    }
  }
  return chains;
}

bool IsSame(const std::vector<float>& a, const std::vector<float>& b) {
  return a.size() == b.size() && std::memcmp(a.data(), b.data(), a.size() * sizeof(float)) == 0;
}

template <typename Of>
bool TileAgrees(const DotTiles& tiles, std::size_t rows, std::size_t panels) {
  for (const bool from_zero : {true, false}) {
    Sample<Of> sample = MakeSample<Of>(rows, panels);
    const std::vector<float> expected = PlainChains(sample, from_zero);
    tiles.tile(rows, panels)(sample.Operands(from_zero));
    if (!IsSame(sample.chains, expected)) return false;
  }
  return true;
}

template <typename Of>
bool TilesAgree(const IntegerUnit& unit) {
  const DotTiles& tiles = Of::TilesOf(unit);
  for (std::size_t rows = 1; rows <= tiles.max_rows; ++rows) {
    const std::size_t many = rows <= tiles.many_rows ? tiles.many_panels : 1;
    for (const std::size_t panels : {std::size_t{1}, many, tiles.panels(rows)}) {
      if (!TileAgrees<Of>(tiles, rows, panels)) return false;
    }
  }
  return true;
}

// Panels of int4 weights with any u and zero, and steps up to 8: no weight is then above 127.
std::vector<std::byte> MakeInt4Panels(std::size_t panels) {
  Numbers numbers(panels);
  std::vector<std::byte> w(panels * kInt4PanelBytes);
  for (std::size_t i = 0; i < w.size(); ++i) {
    const bool is_weight = i % kInt4DotGroupBytes < kInt4DotWeightBytes;
    const std::uint32_t byte = numbers.Below(256);
    w[i] = std::byte(is_weight ? byte : (byte & 0xf0u) + 1 + byte % 8);
  }
  return w;
}

// Panels of int8 weights from panels of int4 ones.
std::vector<std::byte> Unpacked(const std::vector<std::byte>& int4) {
  std::vector<std::byte> w(int4.size() / kInt4PanelBytes * kPanelBytes<Bytes>);
  for (std::size_t p = 0; p * kInt4PanelBytes < int4.size(); ++p) {
    for (std::size_t i = 0; i < kSteps<Bytes> * kDotInputs; ++i) {
      for (std::size_t c = 0; c < kPanelColumns; ++c) {
        w[p * kPanelBytes<Bytes> + Int8DotOrder::Index(i, c)] =
            Int8DotOrder::Store(ReadInt4Dot(&int4[p * kInt4PanelBytes], i, c));
      }
    }
  }
  return w;
}

bool Int4TileAgrees(const IntegerUnit& unit, std::size_t rows, std::size_t panels) {
  const std::vector<std::byte> int4 = MakeInt4Panels(panels);
  for (const bool from_zero : {true, false}) {
    Sample<Bytes> sample = MakeSample<Bytes>(rows, panels);
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
  if (!TilesAgree<Bytes>(unit) || !TilesAgree<Words>(unit)) return false;
  for (std::size_t rows = 1; rows <= unit.bytes.max_rows; ++rows) {
    const std::size_t int4_panels = unit.int4_panels(rows);
    if (int4_panels == 0) continue;
    for (const std::size_t panels : {std::size_t{1}, int4_panels}) {
      if (!Int4TileAgrees(unit, rows, panels)) return false;
    }
  }
  return true;
}

}  // namespace cascade::model::kernels
