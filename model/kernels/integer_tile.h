// SPDX-License-Identifier: Apache-2.0
// The register tiles of the integer dots: the one part of that family that knows the CPU's integer
// instructions. Private to this room.
//
// An integer unit is a set of such instructions. Sums of integers are exact, so every unit has the
// same results, and a unit may group and order its additions as it likes.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "model/kernels/panel.h"

namespace cascade::model::kernels {

// Inputs of a row that share a scale (rounded_rows.h), and whose products are summed as integers.
inline constexpr std::size_t kDotGroup = 64;

// Inputs whose weights of one output lie side by side: what an instruction sums up in a 32-bit
// lane, four of 8 bits or two of 16.
inline constexpr std::size_t kDotInputs = 4;
inline constexpr std::size_t kDotGroupSteps = kDotGroup / kDotInputs;
inline constexpr std::size_t kWordDotInputs = 2;
inline constexpr std::size_t kWordDotGroupSteps = kDotGroup / kWordDotInputs;

// What a step reads, whatever the bits: of a row, and of a panel.
inline constexpr std::size_t kDotStepInputBytes = 4;
inline constexpr std::size_t kDotStepWeightBytes = kDotStepInputBytes * kPanelColumns;

// The most rows of a tile, of any unit.
inline constexpr std::size_t kMaxDotRows = 16;

// Memory to prefetch: `step` bytes further on in every panel for each step of a tile.
struct DotPrefetch {
  const std::byte* first;    // in the first panel
  std::size_t panel_stride;  // bytes from panel to panel
  std::size_t step;
};

// A tile takes the chains of some rows and panels through some groups of inputs:
//
//   for each group g, ascending: chains[r, c] = fma(float(sum_i x[r, i] * q[i, c]), scales[g][r],
//                                                   chains[r, c])
//
// with the sum over the inputs of g.
struct DotOperands {
  // [groups][rows][kDotGroup] of Int8Inputs or Int16Inputs (rounded_rows.h). kMaxDotRows rows may
  // be read from each group's first one on, whatever the tile's own number.
  const std::byte* x;
  const float* scales;          // [groups][rows]
  const std::int32_t* offsets;  // [groups][rows]: -128 * sum_i x[r, i] over the group; of 8 bits
  const std::byte* w;           // the first panel, at the first group's weights:
                                // integer_panels.h, or int4_dot_panels.h for an int4 tile
  std::size_t panel_stride;     // bytes from panel to panel
  std::size_t steps;            // kDotInputs or kWordDotInputs inputs each; only the last group
                                // may be shorter
  DotPrefetch prefetch;
  bool from_zero;  // whether the chains start at zero, and not where they stand
  float* chains;   // [rows][panels * 16]
};

using DotFunction = void (*)(const DotOperands&);

// The tiles of numbers of so many bits.
struct DotTiles {
  // Of any tile, at most; <= kMaxDotRows. So many rows are multiplied in one tile, which reads each
  // weight once.
  std::size_t max_rows;
  // The largest tile of a product of more rows, whose weights stay in the cache from tile to tile.
  std::size_t many_rows;  // <= max_rows
  std::size_t many_panels;
  // As many as the registers hold beside `rows` rows: <= 4.
  std::size_t (*panels)(std::size_t rows);
  // The tile of `rows` rows and `panels` panels. REQUIRES: rows from 1 to max_rows; panels is 1,
  // panels(rows), or many_panels beside at most many_rows rows.
  DotFunction (*tile)(std::size_t rows, std::size_t panels);
};

struct IntegerUnit {
  std::string_view name;
  DotTiles bytes;
  DotTiles words;  // Int16Inputs, and weights in Int16DotOrder
  // As DotTiles has it, for the tiles that multiply int4 panels (int4_dot_panels.h) as they lie: so
  // many panels, or 0 if there is no such tile for `rows` rows, whose weights are unpacked then.
  // REQUIRES: panels is 1 or int4_panels(rows), which is not 0.
  std::size_t (*int4_panels)(std::size_t rows);
  DotFunction (*int4_tile)(std::size_t rows, std::size_t panels);
  // Called by each thread before and after it calls tiles; null if there is nothing to do.
  void (*begin)() = nullptr;
  void (*end)() = nullptr;
};

// While it lives, its thread may call the unit's tiles. A thread has one at a time: the end of an
// inner one would take the outer one's registers.
class IntegerUnitScope {
 public:
  explicit IntegerUnitScope(const IntegerUnit& unit) : unit_(unit) {
    if (unit_.begin != nullptr) unit_.begin();
  }
  ~IntegerUnitScope() {
    if (unit_.end != nullptr) unit_.end();
  }
  IntegerUnitScope(const IntegerUnitScope&) = delete;
  IntegerUnitScope& operator=(const IntegerUnitScope&) = delete;

 private:
  const IntegerUnit& unit_;
};

// A unit that this build lacks is null. Whether the CPU has it is integer_units.h's matter.
extern const IntegerUnit* const kAmxUnit;
extern const IntegerUnit* const kAvx512VnniUnit;
extern const IntegerUnit* const kAvxVnniUnit;
extern const IntegerUnit* const kAvx2Unit;
extern const IntegerUnit* const kNeonDotUnit;
extern const IntegerUnit* const kPlainUnit;  // never null

}  // namespace cascade::model::kernels
