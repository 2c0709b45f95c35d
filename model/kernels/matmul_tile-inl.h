// The inner loop of the matrix product: one tile of rows times a few panels, with all its chains in
// registers.
#include <array>
#include <utility>

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

// The shape of a full tile, from the registers of the target: kMaxChains vectors of chains, leaving
// room for a row of weights and a broadcast input. At least 8 chains are needed to hide the latency
// of the fused multiply-add (4 cycles on each of 2 ports).
#if HWY_TARGET == HWY_AVX3
inline constexpr std::size_t kMaxTileRows = 12;  // x 2 panels x 1 vector
inline constexpr std::size_t kMaxChains = 24;
#elif HWY_TARGET == HWY_NEON
inline constexpr std::size_t kMaxTileRows = 6;  // x 1 panel x 4 vectors
inline constexpr std::size_t kMaxChains = 24;
#elif HWY_TARGET == HWY_AVX2
inline constexpr std::size_t kMaxTileRows = 6;  // x 1 panel x 2 vectors
inline constexpr std::size_t kMaxChains = 12;
#else
inline constexpr std::size_t kMaxTileRows = 4;
inline constexpr std::size_t kMaxChains = 4;
#endif

// Panels that a tile of `rows` rows takes at once: as many as the registers hold, but no more than
// there are streams that the hardware prefetches well.
constexpr std::size_t PanelsPerPass(std::size_t rows) {
  std::size_t panels = 4;
  while (panels > 1 && rows * panels * kPanelVectors > kMaxChains) panels /= 2;
  return panels;
}

// Operands of one tile, for a stretch of `depth` steps of every chain.
struct TileOperands {
  const float* x;            // [depth][rows]
  const std::byte* w;        // the first panel's piece for the first step
  std::size_t panel_stride;  // bytes from panel to panel
  std::size_t depth;
  const std::byte* prefetch;  // what is wanted next, in every panel...
  std::size_t prefetch_step;  // ...and how many bytes of it per piece
  float* chains;              // [rows][panels * 16], updated
};

template <std::size_t kRows, std::size_t kVectors>
using Chains = FloatVector[kRows][kVectors];

// One step of every chain: chains[r] += x[r] * w, w being row `row` of a piece.
template <class Panel, std::size_t kRows, std::size_t kPanels>
HWY_INLINE void Step(const float* x, const std::byte* piece, std::size_t panel_stride,
                     std::size_t row, Chains<kRows, kPanels * kPanelVectors>& chains) {
  constexpr FloatTag d;
  constexpr std::size_t kVectors = kPanels * kPanelVectors;
  FloatVector w[kVectors];
  CASCADE_UNROLL
  for (std::size_t v = 0; v < kVectors; ++v) {
    w[v] = Panel::Load(piece + v / kPanelVectors * panel_stride, row, v % kPanelVectors);
  }
  CASCADE_UNROLL
  for (std::size_t r = 0; r < kRows; ++r) {
    const FloatVector broadcast = hn::Set(d, x[r]);
    CASCADE_UNROLL
    for (std::size_t v = 0; v < kVectors; ++v) chains[r][v] = Fma(broadcast, w[v], chains[r][v]);
  }
}

// chains[r, c] = fma(x[r, k], w[k, c], chains[r, c]) for k ascending over the stretch.
template <class Panel, std::size_t kRows, std::size_t kPanels>
HWY_NOINLINE void MultiplyTile(const TileOperands& t) {
  constexpr FloatTag d;
  constexpr std::size_t kVectors = kPanels * kPanelVectors;
  Chains<kRows, kVectors> chains;
  CASCADE_UNROLL
  for (std::size_t r = 0; r < kRows; ++r) {
    CASCADE_UNROLL
    for (std::size_t v = 0; v < kVectors; ++v) {
      chains[r][v] = hn::Load(d, t.chains + (r * kVectors + v) * kLanes);
    }
  }
  const float* x = t.x;
  const std::byte* w = t.w;
  const std::byte* prefetch = t.prefetch;
  const std::size_t whole_pieces = t.depth / Panel::kRows;
  for (std::size_t i = 0; i < whole_pieces; ++i) {
    CASCADE_UNROLL
    for (std::size_t p = 0; p < kPanels; ++p) hwy::Prefetch(prefetch + p * t.panel_stride);
    CASCADE_UNROLL
    for (std::size_t row = 0; row < Panel::kRows; ++row) {
      Step<Panel, kRows, kPanels>(x + row * kRows, w, t.panel_stride, row, chains);
    }
    x += Panel::kRows * kRows;
    w += Panel::kBytes;
    prefetch += t.prefetch_step;
  }
  if (t.depth % Panel::kRows != 0) {
    Step<Panel, kRows, kPanels>(x, w, t.panel_stride, 0, chains);
  }
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
template <class Panel, std::size_t kPanels, std::size_t... kIndex>
constexpr std::array<TileFunction, sizeof...(kIndex)> TileFunctions(
    std::index_sequence<kIndex...>) {
  return {&MultiplyTile < Panel, kIndex + 1,
          kPanels == 0 ? PanelsPerPass(kIndex + 1) : kPanels > ...};
}

template <class Panel, std::size_t kPanels>
TileFunction TileFunctionFor(std::size_t rows) {
  static constexpr auto kFunctions =
      TileFunctions<Panel, kPanels>(std::make_index_sequence<kMaxTileRows>());
  return kFunctions[rows - 1];
}

}  // namespace HWY_NAMESPACE
}  // namespace cascade::model::kernels
HWY_AFTER_NAMESPACE();
#endif
