// The inner loop of the matrix product: one tile of rows times a few panels, with all its chains in
// registers.
#include <array>
#include <utility>

#include "model/kernels/panel.h"
#include "model/kernels/simd-inl.h"
#include "model/kernels/weights-inl.h"

#if defined(CASCADE_MODEL_KERNELS_MATMUL_TILE_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef CASCADE_MODEL_KERNELS_MATMUL_TILE_INL_H_
#undef CASCADE_MODEL_KERNELS_MATMUL_TILE_INL_H_
#else
#define CASCADE_MODEL_KERNELS_MATMUL_TILE_INL_H_
#endif

HWY_BEFORE_NAMESPACE();
namespace cascade::model::kernels {
namespace HWY_NAMESPACE {

// The shape of a full tile, from the registers of the target: kMaxVectors vectors of chains and of
// the weights that meet them, the rest is for broadcast inputs and the widening. 8 chains or more
// hide the latency of the fused multiply-add (4 cycles on each of 2 ports).
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

// Steps of the chains between two visits to memory: so many rows of two panels, as floats, take
// 32 KiB and stay in the first-level cache while the row tiles pass by. Even, since bf16 pairs
// rows.
inline constexpr std::size_t kStretch = 256;

// How far ahead a large tile asks for its input, in floats; 0: not at all. Twelve rows stream from
// the second-level cache faster than the hardware fetches them ahead; six do not.
inline constexpr std::size_t kInputAhead = HWY_TARGET == HWY_AVX3 ? 512 : 0;

// Panels that a tile of `rows` rows takes at once: as many as the registers hold, but no more than
// there are streams that the hardware prefetches well.
constexpr std::size_t PanelsPerPass(std::size_t rows) {
  std::size_t panels = 4;
  while (panels > 1 && (rows + 1) * panels * kPanelVectors > kMaxVectors) panels /= 2;
  return panels;
}

// Panels of any pass, at most.
inline constexpr std::size_t kMaxPanels = PanelsPerPass(1);

// Memory that will be wanted soon: `step` bytes of every panel for each piece that is read now.
struct PrefetchPlan {
  const std::byte* first;    // in the first panel
  std::size_t panel_stride;  // bytes from panel to panel
  std::size_t step;
};

// Operands of one tile, for a stretch of `depth` steps of every chain.
struct TileOperands {
  const float* x;            // [depth][rows]
  const std::byte* w;        // the first panel's piece for the first step
  std::size_t panel_stride;  // bytes from panel to panel
  std::size_t depth;
  PrefetchPlan prefetch;
  const float* start;        // where the chains stand before the stretch: [rows][panels * 16], ...
  std::size_t start_stride;  // ... rows so many floats apart; 0: one row for all
  float* chains;             // [rows][panels * 16]: where they stand after it
  float* widened = nullptr;  // kWiden: the weights as floats, [panels][kStretch][16]
};

// Asks for a cache line, into the second-level cache: the hardware takes a stream on from there.
HWY_INLINE void PrefetchLine(const std::byte* p) { __builtin_prefetch(p, 0, 2); }

// The same for as many lines as a piece of the weights has.
template <std::size_t kBytes>
HWY_INLINE void PrefetchPiece(const std::byte* p) {
  CASCADE_UNROLL
  for (std::size_t line = 0; line < (kBytes + 63) / 64; ++line) PrefetchLine(p + 64 * line);
}

template <std::size_t kRows, std::size_t kVectors>
using Chains = FloatVector[kRows][kVectors];

// What a tile does with the weights that it reads, beside multiplying: nothing, or leave them
// behind as floats for the tiles that follow.
enum class Weights { kRead, kWiden };

// One row of the weights of several panels.
template <std::size_t kVectors>
using WeightRow = FloatVector[kVectors];

template <class Panel, std::size_t kVectors>
HWY_INLINE void LoadRow(const std::byte* piece, std::size_t panel_stride, std::size_t row,
                        WeightRow<kVectors>& w) {
  CASCADE_UNROLL
  for (std::size_t v = 0; v < kVectors; ++v) {
    w[v] = Panel::Load(piece + v / kPanelVectors * panel_stride, row, v % kPanelVectors);
  }
}

template <std::size_t kVectors>
HWY_INLINE void StoreRow(const WeightRow<kVectors>& w, float* out) {
  CASCADE_UNROLL
  for (std::size_t v = 0; v < kVectors; ++v) {
    float* panel = out + v / kPanelVectors * kStretch * kPanelColumns;
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
template <class Panel, Weights kWeights, std::size_t kRows, std::size_t kPanels>
HWY_NOINLINE void MultiplyTile(const TileOperands& t) {
  const FloatTag d;
  constexpr std::size_t kVectors = kPanels * kPanelVectors;
  Chains<kRows, kVectors> chains;
  CASCADE_UNROLL
  for (std::size_t r = 0; r < kRows; ++r) {
    CASCADE_UNROLL
    for (std::size_t v = 0; v < kVectors; ++v) {
      chains[r][v] = hn::Load(d, t.start + r * t.start_stride + v * kLanes);
    }
  }
  const float* x = t.x;
  const std::byte* piece = t.w;
  const std::byte* soon = t.prefetch.first;
  float* widened = t.widened;
  WeightRow<kVectors> w;
  const auto step = [&](std::size_t row) HWY_ATTR {
    LoadRow<Panel>(piece, t.panel_stride, row, w);
    Step(x, w, chains);
    x += kRows;
    if constexpr (kWeights == Weights::kWiden) {
      StoreRow(w, widened);
      widened += kPanelColumns;
    }
  };
  for (std::size_t i = t.depth / Panel::kRows; i > 0; --i) {
    if constexpr (kInputAhead > 0 && kRows > 6) __builtin_prefetch(x + kInputAhead, 0, 3);
    CASCADE_UNROLL
    for (std::size_t p = 0; p < kPanels; ++p) {
      PrefetchPiece<Panel::kBytes>(soon + p * t.prefetch.panel_stride);
    }
    CASCADE_UNROLL
    for (std::size_t row = 0; row < Panel::kRows; ++row) step(row);
    piece += Panel::kBytes;
    soon += t.prefetch.step;
  }
  for (std::size_t row = 0; row < t.depth % Panel::kRows; ++row) step(row);
  CASCADE_UNROLL
  for (std::size_t r = 0; r < kRows; ++r) {
    CASCADE_UNROLL
    for (std::size_t v = 0; v < kVectors; ++v) {
      hn::Store(chains[r][v], d, t.chains + (r * kVectors + v) * kLanes);
    }
  }
}

using TileFunction = void (*)(const TileOperands&);

// MultiplyTile for every number of rows, at [rows - 1], with kPanels panels, or (kPanels = 0) as
// many as the registers hold.
template <class Panel, Weights kWeights, std::size_t kPanels, std::size_t... kIndex>
constexpr std::array<TileFunction, sizeof...(kIndex)> TileFunctions(
    std::index_sequence<kIndex...>) {
  return {&MultiplyTile < Panel, kWeights, kIndex + 1,
          kPanels == 0 ? PanelsPerPass(kIndex + 1) : kPanels > ...};
}

template <class Panel, Weights kWeights, std::size_t kPanels>
TileFunction TileFunctionFor(std::size_t rows) {
  static constexpr auto kFunctions =
      TileFunctions<Panel, kWeights, kPanels>(std::make_index_sequence<kMaxTileRows>());
  return kFunctions[rows - 1];
}

}  // namespace HWY_NAMESPACE
}  // namespace cascade::model::kernels
HWY_AFTER_NAMESPACE();
#endif
