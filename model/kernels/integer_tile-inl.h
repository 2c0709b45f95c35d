// SPDX-License-Identifier: Apache-2.0
// The inner loop of the integer dots, for one integer unit. A unit's source file defines, in its
// unnamed namespace, CASCADE_UNIT (the attribute that lets the compiler use its instructions) and
// the class Unit, and includes this file once.
//
// Unit has the vector types Ints, Floats, Weights and Inputs; kPanelVectors, the vectors of 32-bit
// lanes that a panel has; kMaxRows and kMaxVectors, the register budget of sums and weights;
// kKeepsChains, whether the chains of a small tile stay in registers too; and the operations below.
// Weights are stored as q + 128. A unit that multiplies unsigned weights as they are starts its
// sums at the group's offset, which takes the 128 away again; the others subtract it as they load.
// What Unit has for int4 weights: int4_tile-inl.h.

#include <array>
#include <cstdint>

#include "model/kernels/int4_tile-inl.h"
#include "model/kernels/unroll.h"

// Every function of a unit, and so everything here, is compiled for that unit only: the unnamed
// namespace keeps its instructions out of code that other files share.
namespace cascade::model::kernels {
namespace {

constexpr std::size_t PanelsBeside(std::size_t rows) {
  std::size_t panels = kMaxTilePanels;
  while (panels > 1 && (rows + 1) * panels * Unit::kPanelVectors > Unit::kMaxVectors) panels /= 2;
  return panels;
}

// One step of every sum: sums[r] += x[r] * w, over four inputs.
template <std::size_t kRows, std::size_t kPanels>
CASCADE_UNIT_INLINE void DotStep(
    const std::int8_t* x, const std::byte* w, std::size_t stride,
    typename Unit::Ints (&sums)[kRows][kPanels * Unit::kPanelVectors]) {
  constexpr std::size_t kVectors = kPanels * Unit::kPanelVectors;
  typename Unit::Weights weights[kVectors];
  CASCADE_UNROLL
  for (std::size_t v = 0; v < kVectors; ++v) {
    weights[v] = Unit::LoadWeights(w + v / Unit::kPanelVectors * stride, v % Unit::kPanelVectors);
  }
  CASCADE_UNROLL
  for (std::size_t r = 0; r < kRows; ++r) {
    const typename Unit::Inputs inputs = Unit::Broadcast(x + r * kDotGroup);
    CASCADE_UNROLL
    for (std::size_t v = 0; v < kVectors; ++v) {
      sums[r][v] = Unit::Dot(sums[r][v], weights[v], inputs);
    }
  }
}

template <std::size_t kRows, std::size_t kPanels>
CASCADE_UNIT __attribute__((noinline)) void MultiplyTile(const DotOperands& t) {
  constexpr std::size_t kVectors = kPanels * Unit::kPanelVectors;
  constexpr std::size_t kLanes = kPanelColumns / Unit::kPanelVectors;
  constexpr bool kKeep = Unit::kKeepsChains && (2 * kRows + 1) * kVectors + 1 <= Unit::kRegisters;
  float* const chains = t.chains;  // no store to it changes the operands, which GCC cannot know
  const bool from_zero = t.from_zero;
  const std::size_t panel_stride = t.panel_stride;
  const DotPrefetch prefetch = t.prefetch;
  // Loops over these are unrolled, so that the arrays never exist: each element is a register.
  typename Unit::Floats kept[kRows][kVectors];
  if (from_zero || kKeep) {
    CASCADE_UNROLL
    for (std::size_t r = 0; r < kRows; ++r) {
      CASCADE_UNROLL
      for (std::size_t v = 0; v < kVectors; ++v) {
        float* chain = chains + (r * kVectors + v) * kLanes;
        const typename Unit::Floats start = from_zero ? Unit::Zero() : Unit::Load(chain);
        if constexpr (kKeep) {
          kept[r][v] = start;
        } else {
          Unit::Store(start, chain);
        }
      }
    }
  }
  const std::int8_t* x = t.x;
  const float* scales = t.scales;
  const std::int32_t* offsets = t.offsets;
  const std::byte* w = t.w;
  const std::byte* soon = prefetch.first;
  for (std::size_t left = t.steps; left > 0;) {
    const std::size_t steps = left < kDotGroupSteps ? left : kDotGroupSteps;
    left -= steps;
    typename Unit::Ints sums[kRows][kVectors];
    CASCADE_UNROLL
    for (std::size_t r = 0; r < kRows; ++r) {
      CASCADE_UNROLL
      for (std::size_t v = 0; v < kVectors; ++v) sums[r][v] = Unit::Start(offsets[r]);
    }
    for (std::size_t step = 0; step < steps; ++step) {
      CASCADE_UNROLL
      for (std::size_t p = 0; p < kPanels; ++p) {
        __builtin_prefetch(soon + p * prefetch.panel_stride, 0, 2);
      }
      DotStep<kRows, kPanels>(x + step * kDotInputs, w, panel_stride, sums);
      w += kDotInputs * kPanelColumns;
      soon += prefetch.step;
    }
    // Keeps GCC from loading the chains sooner, into registers that it does not have.
    if constexpr (!kKeep) __atomic_signal_fence(__ATOMIC_SEQ_CST);
    CASCADE_UNROLL
    for (std::size_t r = 0; r < kRows; ++r) {
      const auto scale = Unit::Set(scales[r]);
      CASCADE_UNROLL
      for (std::size_t v = 0; v < kVectors; ++v) {
        if constexpr (kKeep) {
          kept[r][v] = Unit::Fma(Unit::Convert(sums[r][v]), scale, kept[r][v]);
        } else {
          float* chain = chains + (r * kVectors + v) * kLanes;
          Unit::Store(Unit::Fma(Unit::Convert(sums[r][v]), scale, Unit::Load(chain)), chain);
        }
      }
    }
    x += kRows * kDotGroup;
    scales += kRows;
    offsets += kRows;
  }
  if constexpr (kKeep) {
    CASCADE_UNROLL
    for (std::size_t r = 0; r < kRows; ++r) {
      CASCADE_UNROLL
      for (std::size_t v = 0; v < kVectors; ++v) {
        Unit::Store(kept[r][v], chains + (r * kVectors + v) * kLanes);
      }
    }
  }
}

// MultiplyTile for every number of rows, at [rows - 1]; kPanels = 0: as many as the registers hold.
template <std::size_t kPanels, std::size_t... kIndex>
constexpr std::array<DotFunction, sizeof...(kIndex)> TileFunctions(std::index_sequence<kIndex...>) {
  return {&MultiplyTile < kIndex + 1, kPanels == 0 ? PanelsBeside(kIndex + 1) : kPanels > ...};
}

static_assert(Unit::kMaxRows <= kMaxDotRows);

constexpr std::size_t kMaxRowsPanels = PanelsBeside(Unit::kMaxRows);

DotFunction TileFor(std::size_t rows, std::size_t panels) {
  using Rows = std::make_index_sequence<Unit::kMaxRows>;
  static constexpr auto kSingle = TileFunctions<1>(Rows());
  static constexpr auto kMany = TileFunctions<kMaxRowsPanels>(Rows());
  static constexpr auto kMost = TileFunctions<0>(Rows());
  if (panels == 1) return kSingle[rows - 1];
  return (panels == kMaxRowsPanels ? kMany : kMost)[rows - 1];
}

constexpr IntegerUnit kUnit = {.name = Unit::kName,
                               .max_rows = Unit::kMaxRows,
                               .max_rows_panels = kMaxRowsPanels,
                               .panels = &PanelsBeside,
                               .tile = &TileFor,
                               .int4_panels = &Int4PanelsBeside,
                               .int4_tile = &Int4TileFor};

}  // namespace
}  // namespace cascade::model::kernels
