// SPDX-License-Identifier: Apache-2.0
// The tiles of AMX-INT8: one instruction multiplies 16 rows of 64 inputs with the weights of 16
// outputs. For a unit's source file, which defines CASCADE_UNIT and CASCADE_UNIT_INLINE for
// AVX-512, and, in its unnamed namespace, the class Registers with the three tile registers and
// what is done with them. A test defines one of plain C++, since few machines have the
// instructions.
//
// A tile register holds 16 rows of 64 bytes: 16 rows of a group's input, as they lie in
// RoundedRows; a group of one panel's weights, as they lie in the panel; and the sums of 16 rows
// and outputs. Sums leave a tile register through memory only, so the chains are taken on by
// AVX-512.

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <utility>

#include "model/kernels/integer_tile.h"
#include "model/kernels/output_tile.h"
#include "model/kernels/unroll.h"

namespace cascade::model::kernels {
namespace {

constexpr std::size_t kAmxRows = 16;
static_assert(kAmxRows <= kMaxDotRows);

// Below, by a count of instructions, the tiles of AVX-512 VNNI need fewer cycles, and they read
// several panels at a time.
constexpr std::size_t kMinAmxRows = 8;

// Loads the weights of `steps` steps; zeros for the rest of the group, which the panel need not
// have.
CASCADE_UNIT_INLINE void LoadGroupWeights(const std::byte* w, std::size_t steps) {
  if (steps == kDotGroupSteps) return Registers::LoadWeights(w);
  alignas(64) std::byte group[kDotGroupSteps * kDotStepWeightBytes] = {};
  std::memcpy(group, w, steps * kDotStepWeightBytes);
  Registers::LoadWeights(group);
}

// One panel. Inputs of 16 rows are loaded whatever the number of rows: what lies behind the tile's
// own is multiplied and not used.
template <std::size_t kRows>
CASCADE_UNIT __attribute__((noinline)) void MultiplyAmxTile(const DotOperands& t) {
  alignas(64) std::int32_t sums[kAmxRows * kPanelColumns];
  __m512 chains[kRows];
  CASCADE_UNROLL
  for (std::size_t r = 0; r < kRows; ++r) {
    chains[r] = t.from_zero ? _mm512_setzero_ps() : _mm512_loadu_ps(t.chains + r * kPanelColumns);
  }
  for (std::size_t g = 0; g * kDotGroupSteps < t.steps; ++g) {
    const std::size_t steps = std::min(kDotGroupSteps, t.steps - g * kDotGroupSteps);
    Registers::ZeroSums();
    Registers::LoadInputs(t.x + g * kRows * kDotGroup);
    LoadGroupWeights(t.w + g * kDotGroupSteps * kDotStepWeightBytes, steps);
    Registers::Multiply();
    Registers::StoreSums(sums);
    const std::byte* soon = t.prefetch.first + g * kDotGroupSteps * t.prefetch.step;
    for (std::size_t b = 0; b < steps * t.prefetch.step; b += 64) {
      __builtin_prefetch(soon + b, 0, 2);
    }
    CASCADE_UNROLL
    for (std::size_t r = 0; r < kRows; ++r) {
      const __m512i sum = _mm512_add_epi32(_mm512_load_si512(sums + r * kPanelColumns),
                                           _mm512_set1_epi32(t.offsets[g * kRows + r]));
      // As _mm512_cvtepi32_ps, in which GCC 12 sees a number that is not initialized.
      chains[r] = _mm512_fmadd_ps(_mm512_maskz_cvtepi32_ps(0xffff, sum),
                                  _mm512_set1_ps(t.scales[g * kRows + r]), chains[r]);
    }
  }
  CASCADE_UNROLL
  for (std::size_t r = 0; r < kRows; ++r) {
    _mm512_storeu_ps(t.chains + r * kPanelColumns, chains[r]);
  }
}

template <std::size_t... kIndex>
constexpr std::array<DotFunction, sizeof...(kIndex)> AmxTiles(std::index_sequence<kIndex...>) {
  return {&MultiplyAmxTile<kIndex + kMinAmxRows>...};
}

DotFunction AmxTileFor(std::size_t rows, std::size_t panels) {
  using Rows = std::make_index_sequence<kAmxRows - kMinAmxRows + 1>;
  static constexpr auto kTiles = AmxTiles(Rows());
  return rows < kMinAmxRows ? kAvx512VnniUnit->bytes.tile(rows, panels)
                            : kTiles[rows - kMinAmxRows];
}

std::size_t AmxPanelsBeside(std::size_t rows) {
  return rows < kMinAmxRows ? kAvx512VnniUnit->bytes.panels(rows) : 1;
}

std::size_t AmxInt4Panels(std::size_t rows) { return kAvx512VnniUnit->int4_panels(rows); }

DotFunction AmxInt4TileFor(std::size_t rows, std::size_t panels) {
  return kAvx512VnniUnit->int4_tile(rows, panels);
}

constexpr DotTiles kAmxTiles = {.max_rows = kAmxRows,
                                .many_rows = kAmxRows,
                                .many_panels = 1,
                                .panels = &AmxPanelsBeside,
                                .tile = &AmxTileFor};

// AMX has no products of 16 bits.
const IntegerUnit kUnit = {.name = "amx_int8",
                           .bytes = kAmxTiles,
                           .words = kAvx512VnniUnit->words,
                           .int4_panels = &AmxInt4Panels,
                           .int4_tile = &AmxInt4TileFor,
                           .begin = &Registers::Configure,
                           .end = &Registers::Release};

}  // namespace
}  // namespace cascade::model::kernels
