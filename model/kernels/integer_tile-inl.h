// SPDX-License-Identifier: Apache-2.0
// The inner loop of the integer dots, for one integer unit. A unit's source file defines, in its
// unnamed namespace, CASCADE_UNIT (the attribute that lets the compiler use its instructions) and
// the class Unit, and includes this file once.
//
// Unit has the vector types Ints, Floats, Weights and Inputs; kPanelVectors, the vectors of 32-bit
// lanes that a panel has; kMaxRows and kMaxVectors, the register budget of sums and weights;
// kManyRows and kManyPanels, the tile of a product of many rows (DotTiles);
// kKeepsChains, whether the chains of a small tile stay in registers too; and the operations below.
// Weights of 8 bits are stored as q + 128. A unit that multiplies unsigned weights as they are
// starts its sums at the group's offset, which takes the 128 away again; the others subtract it as
// they load. For numbers of 16 bits Unit has the vector type Words and the operations of OfWords.
// What it has for int4 weights: int4_tile-inl.h.

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

// What a tile multiplies: numbers of 8 bits, four inputs a step, or of 16 bits, two inputs a step.
struct OfBytes {
  using Weights = Unit::Weights;
  using Inputs = Unit::Inputs;
  static constexpr std::size_t kGroupSteps = kDotGroupSteps;

  CASCADE_UNIT_INLINE Unit::Ints Start(std::int32_t offset) { return Unit::Start(offset); }
  CASCADE_UNIT_INLINE Weights LoadWeights(const std::byte* w, std::size_t vector) {
    return Unit::LoadWeights(w, vector);
  }
  CASCADE_UNIT_INLINE Inputs Broadcast(const std::byte* x) { return Unit::Broadcast(x); }
  CASCADE_UNIT_INLINE Unit::Ints Dot(Unit::Ints sum, const Weights& w, const Inputs& x) {
    return Unit::Dot(sum, w, x);
  }
};

struct OfWords {
  using Weights = Unit::Words;
  using Inputs = Unit::Words;
  static constexpr std::size_t kGroupSteps = kWordDotGroupSteps;

  CASCADE_UNIT_INLINE Unit::Ints Start(std::int32_t /*offset*/) { return Unit::Start(0); }
  CASCADE_UNIT_INLINE Weights LoadWeights(const std::byte* w, std::size_t vector) {
    return Unit::LoadWords(w, vector);
  }
  CASCADE_UNIT_INLINE Inputs Broadcast(const std::byte* x) { return Unit::BroadcastWords(x); }
  CASCADE_UNIT_INLINE Unit::Ints Dot(Unit::Ints sum, const Weights& w, const Inputs& x) {
    return Unit::DotWords(sum, w, x);
  }
};

// One step of every sum: sums[r] += x[r] * w.
template <typename Of, std::size_t kRows, std::size_t kPanels>
CASCADE_UNIT_INLINE void DotStep(
    const std::byte* x, const std::byte* w, std::size_t stride,
    typename Unit::Ints (&sums)[kRows][kPanels * Unit::kPanelVectors]) {
  constexpr std::size_t kVectors = kPanels * Unit::kPanelVectors;
  typename Of::Weights weights[kVectors];
  CASCADE_UNROLL
  for (std::size_t v = 0; v < kVectors; ++v) {
    weights[v] = Of::LoadWeights(w + v / Unit::kPanelVectors * stride, v % Unit::kPanelVectors);
  }
  CASCADE_UNROLL
  for (std::size_t r = 0; r < kRows; ++r) {
    const typename Of::Inputs inputs = Of::Broadcast(x + r * Of::kGroupSteps * kDotStepInputBytes);
    CASCADE_UNROLL
    for (std::size_t v = 0; v < kVectors; ++v) {
      sums[r][v] = Of::Dot(sums[r][v], weights[v], inputs);
    }
  }
}

template <typename Of, std::size_t kRows, std::size_t kPanels>
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
  const std::byte* x = t.x;
  const float* scales = t.scales;
  const std::int32_t* offsets = t.offsets;
  const std::byte* w = t.w;
  const std::byte* soon = prefetch.first;
  for (std::size_t left = t.steps; left > 0;) {
    const std::size_t steps = left < Of::kGroupSteps ? left : Of::kGroupSteps;
    left -= steps;
    typename Unit::Ints sums[kRows][kVectors];
    CASCADE_UNROLL
    for (std::size_t r = 0; r < kRows; ++r) {
      CASCADE_UNROLL
      for (std::size_t v = 0; v < kVectors; ++v) sums[r][v] = Of::Start(offsets[r]);
    }
    for (std::size_t step = 0; step < steps; ++step) {
      CASCADE_UNROLL
      for (std::size_t p = 0; p < kPanels; ++p) {
        __builtin_prefetch(soon + p * prefetch.panel_stride, 0, 2);
      }
      DotStep<Of, kRows, kPanels>(x + step * kDotStepInputBytes, w, panel_stride, sums);
      w += kDotStepWeightBytes;
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
    x += kRows * Of::kGroupSteps * kDotStepInputBytes;
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
template <typename Of, std::size_t kPanels, std::size_t... kIndex>
constexpr std::array<DotFunction, sizeof...(kIndex)> TileFunctions(std::index_sequence<kIndex...>) {
  return {&MultiplyTile < Of, kIndex + 1, kPanels == 0 ? PanelsBeside(kIndex + 1) : kPanels > ...};
}

static_assert(Unit::kManyRows <= Unit::kMaxRows && Unit::kMaxRows <= kMaxDotRows);
static_assert(Unit::kManyPanels <= PanelsBeside(Unit::kManyRows));

template <typename Of>
DotFunction TileFor(std::size_t rows, std::size_t panels) {
  using Rows = std::make_index_sequence<Unit::kMaxRows>;
  using ManyRows = std::make_index_sequence<Unit::kManyRows>;
  static constexpr auto kSingle = TileFunctions<Of, 1>(Rows());
  static constexpr auto kMany = TileFunctions<Of, Unit::kManyPanels>(ManyRows());
  static constexpr auto kMost = TileFunctions<Of, 0>(Rows());
  if (panels == 1) return kSingle[rows - 1];
  return panels == PanelsBeside(rows) ? kMost[rows - 1] : kMany[rows - 1];
}

template <typename Of>
constexpr DotTiles kTiles = {.max_rows = Unit::kMaxRows,
                             .many_rows = Unit::kManyRows,
                             .many_panels = Unit::kManyPanels,
                             .panels = &PanelsBeside,
                             .tile = &TileFor<Of>};

constexpr IntegerUnit kUnit = {.name = Unit::kName,
                               .bytes = kTiles<OfBytes>,
                               .words = kTiles<OfWords>,
                               .int4_panels = &Int4PanelsBeside,
                               .int4_tile = &Int4TileFor};

}  // namespace
}  // namespace cascade::model::kernels
