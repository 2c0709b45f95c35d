// SPDX-License-Identifier: Apache-2.0
// The inner loop of the float chains: one micro-tile, a few rows of the input times a few panels of
// weights, with all its accumulators in registers.
#include <array>
#include <utility>

#include "model/kernels/float_chains_panels-inl.h"
#include "model/kernels/output_tile.h"
#include "model/kernels/panel.h"
#include "model/kernels/simd-inl.h"

#if defined(CASCADE_MODEL_KERNELS_FLOAT_CHAINS_TILE_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef CASCADE_MODEL_KERNELS_FLOAT_CHAINS_TILE_INL_H_
#undef CASCADE_MODEL_KERNELS_FLOAT_CHAINS_TILE_INL_H_
#else
#define CASCADE_MODEL_KERNELS_FLOAT_CHAINS_TILE_INL_H_
#endif

HWY_BEFORE_NAMESPACE();
namespace cascade::model::kernels {
namespace HWY_NAMESPACE {

// Register budget of a full tile: kMaxVectors registers hold the accumulators and one row of
// weights; the remaining ones hold the broadcast input and the temporaries of widening. A fused
// multiply-add has a latency of 4 cycles and there are 2 ports for it, so fewer than 8 independent
// accumulators would leave the ports idle. The more rows a tile has, the more often a loaded weight
// is used; the more panels, the more often a broadcast input is.
#if HWY_TARGET == HWY_AVX3
inline constexpr std::size_t kMaxTileRows = 12;  // x 2 panels x 1 vector
inline constexpr std::size_t kMaxVectors = 28;
#elif HWY_TARGET == HWY_NEON
inline constexpr std::size_t kMaxTileRows = 5;  // x 1 panel x 4 vectors
inline constexpr std::size_t kMaxVectors = 24;
#elif HWY_TARGET == HWY_AVX2
inline constexpr std::size_t kMaxTileRows = 6;  // x 1 panel x 2 vectors
inline constexpr std::size_t kMaxVectors = 14;
#else
inline constexpr std::size_t kMaxTileRows = 4;
inline constexpr std::size_t kMaxVectors = 1;
#endif

// The K block (BLIS: kc), the inputs that a tile takes before its accumulators go back to memory:
// so many rows of two panels, as floats, take 32 KiB and stay in the first-level cache while the
// row tiles pass by. Even, since bf16 stores its rows in pairs.
inline constexpr std::size_t kKBlock = 256;

// How far ahead a large tile prefetches its input, in floats; 0: not at all. Twelve rows consume
// their input from the second-level cache faster than the hardware prefetches it; six do not.
inline constexpr std::size_t kInputAhead = HWY_TARGET == HWY_AVX3 ? 512 : 0;

// Panels that a tile of `rows` rows takes at once: as many as the registers hold.
constexpr std::size_t PanelsPerPass(std::size_t rows) {
  std::size_t panels = kMaxTilePanels;
  while (panels > 1 && (rows + 1) * panels * kPanelVectors > kMaxVectors) panels /= 2;
  return panels;
}

// Panels of any pass, at most.
inline constexpr std::size_t kMaxPanels = PanelsPerPass(1);

// Memory to prefetch: `step` bytes of every panel for each row group that is read meanwhile.
struct PrefetchPlan {
  const std::byte* first;    // in the first panel
  std::size_t panel_stride;  // bytes from panel to panel
  std::size_t step;
};

// Operands of one tile, for `depth` steps of every chain: one K block, or all inputs.
struct TileOperands {
  const float* x;            // [depth][rows]
  const std::byte* w;        // the first panel's row group for the first step
  std::size_t panel_stride;  // bytes from panel to panel
  std::size_t depth;
  PrefetchPlan prefetch;
  const float* start;        // where the chains stand before: [rows][panels * 16], rows ...
  std::size_t start_stride;  // ... so many floats apart; 0: one row for all
  float* chains;             // [rows][panels * 16]: where the chains stand afterwards
  float* floats = nullptr;   // FloatCopy::kWrite: the weights as floats, [panels][kKBlock][16]
};

// Prefetches a cache line, into the second-level cache: a line that comes too early would evict
// what the first-level cache holds, and the hardware continues a stream from the second level by
// itself.
HWY_INLINE void PrefetchLine(const std::byte* p) { __builtin_prefetch(p, 0, 2); }

// The same for as many lines as a row group of the weights has.
template <std::size_t kBytes>
HWY_INLINE void PrefetchGroup(const std::byte* p) {
  CASCADE_UNROLL
  for (std::size_t line = 0; line < (kBytes + 63) / 64; ++line) PrefetchLine(p + 64 * line);
}

template <std::size_t kRows, std::size_t kVectors>
using Chains = FloatVector[kRows][kVectors];

// Whether a tile, beside multiplying, writes the weights that it widens as floats, for the tiles of
// other rows that follow: they then read floats and need not widen again.
enum class FloatCopy { kNone, kWrite };

// One row of the weights of several panels.
template <std::size_t kVectors>
using WeightRow = FloatVector[kVectors];

template <class Panel, std::size_t kVectors>
HWY_INLINE void LoadRow(const std::byte* group, std::size_t panel_stride, std::size_t row,
                        WeightRow<kVectors>& w) {
  CASCADE_UNROLL
  for (std::size_t v = 0; v < kVectors; ++v) {
    w[v] = Panel::Load(group + v / kPanelVectors * panel_stride, row, v % kPanelVectors);
  }
}

template <std::size_t kVectors>
HWY_INLINE void StoreRow(const WeightRow<kVectors>& w, float* out) {
  CASCADE_UNROLL
  for (std::size_t v = 0; v < kVectors; ++v) {
    float* panel = out + v / kPanelVectors * kKBlock * kPanelColumns;
    hn::Store(w[v], FloatTag(), panel + v % kPanelVectors * kLanes);
  }
}

// One step of every chain: chains[r] += x[r] * w.
template <std::size_t kRows, std::size_t kVectors>
HWY_INLINE void Step(const float* x, const WeightRow<kVectors>& w,
                     Chains<kRows, kVectors>& chains) {
  const FloatTag d;
  CASCADE_UNROLL
  for (std::size_t r = 0; r < kRows; ++r) {
    const FloatVector broadcast = hn::Set(d, x[r]);
    CASCADE_UNROLL
    for (std::size_t v = 0; v < kVectors; ++v) chains[r][v] = Fma(broadcast, w[v], chains[r][v]);
  }
}

// chains = start; chains[r, c] = fma(x[r, k], w[k, c], chains[r, c]) for k ascending.
template <class Panel, FloatCopy kFloatCopy, std::size_t kRows, std::size_t kPanels>
HWY_NOINLINE void MultiplyTile(const TileOperands& t) {
  const FloatTag d;
  constexpr std::size_t kVectors = kPanels * kPanelVectors;
  // Every loop over chains is unrolled, so that the array never exists: each element is a register.
  Chains<kRows, kVectors> chains;
  CASCADE_UNROLL
  for (std::size_t r = 0; r < kRows; ++r) {
    CASCADE_UNROLL
    for (std::size_t v = 0; v < kVectors; ++v) {
      chains[r][v] = hn::Load(d, t.start + r * t.start_stride + v * kLanes);
    }
  }
  const float* x = t.x;
  const std::byte* group = t.w;
  const std::byte* soon = t.prefetch.first;
  float* floats = t.floats;
  WeightRow<kVectors> w;
  const auto step = [&](std::size_t row) HWY_ATTR {
    LoadRow<Panel>(group, t.panel_stride, row, w);
    Step(x, w, chains);
    x += kRows;
    if constexpr (kFloatCopy == FloatCopy::kWrite) {
      StoreRow(w, floats);
      floats += kPanelColumns;
    }
  };
  for (std::size_t i = t.depth / Panel::kGroupRows; i > 0; --i) {
    if constexpr (kInputAhead > 0 && kRows > 6) __builtin_prefetch(x + kInputAhead, 0, 3);
    CASCADE_UNROLL
    for (std::size_t p = 0; p < kPanels; ++p) {
      PrefetchGroup<Panel::kGroupBytes>(soon + p * t.prefetch.panel_stride);
    }
    CASCADE_UNROLL
    for (std::size_t row = 0; row < Panel::kGroupRows; ++row) step(row);
    group += Panel::kGroupBytes;
    soon += t.prefetch.step;
  }
  // The last rows do not always fill their group; there is no input for its padding.
  for (std::size_t row = 0; row < t.depth % Panel::kGroupRows; ++row) step(row);
  CASCADE_UNROLL
  for (std::size_t r = 0; r < kRows; ++r) {
    CASCADE_UNROLL
    for (std::size_t v = 0; v < kVectors; ++v) {
      hn::Store(chains[r][v], d, t.chains + (r * kVectors + v) * kLanes);
    }
  }
}

using TileFunction = void (*)(const TileOperands&);

// MultiplyTile for every number of rows, at [rows - 1]: which accumulators exist must be known when
// compiling. With kPanels panels, or (kPanels = 0) as many as the registers hold.
template <class Panel, FloatCopy kFloatCopy, std::size_t kPanels, std::size_t... kIndex>
constexpr std::array<TileFunction, sizeof...(kIndex)> TileFunctions(
    std::index_sequence<kIndex...>) {
  return {&MultiplyTile < Panel, kFloatCopy, kIndex + 1,
          kPanels == 0 ? PanelsPerPass(kIndex + 1) : kPanels > ...};
}

template <class Panel, FloatCopy kFloatCopy, std::size_t kPanels>
TileFunction TileFunctionFor(std::size_t rows) {
  static constexpr auto kFunctions =
      TileFunctions<Panel, kFloatCopy, kPanels>(std::make_index_sequence<kMaxTileRows>());
  return kFunctions[rows - 1];
}

}  // namespace HWY_NAMESPACE
}  // namespace cascade::model::kernels
HWY_AFTER_NAMESPACE();
#endif
