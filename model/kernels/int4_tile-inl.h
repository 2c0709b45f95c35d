// SPDX-License-Identifier: Apache-2.0
// Tiles of a few rows that multiply int4 weights as they lie: to unpack the weights first
// (int4_dots-inl.h) would take longer than to multiply them. Included by integer_tile-inl.h.
//
// With (u - zero) * step for a weight, the sum over 16 inputs that share zero and step is
//
//   step * (sum_i x[i] * u[i] - zero * sum_i x[i])
//
// so products of x with numbers of four bits are enough. Integers are exact: this has the bits of
// the unpacked weights' product.
//
// Unit has, beside what integer_tile-inl.h says: kInt4Sums, the vectors that the sums of a group
// and of 16 inputs may take together; the vector types Nibbles (bytes from 0 to 15, or pairs of
// them as they are stored) and Fits (steps and zeros of a vector of columns); LoadNibbles, Low and
// High of a pair, Ones, LoadFits; Dot of Nibbles; and
//
//   PrepareInputs(s)        what Weigh wants of the sums of 16 inputs
//   Weigh(sum, d, s, fits)  sum + step * (d - zero * s)

#include <array>
#include <cstddef>
#include <cstdint>
#include <utility>

#include "model/kernels/int4_dot_panels.h"
#include "model/kernels/unroll.h"

namespace cascade::model::kernels {
namespace {

// 0 if there is no such tile.
constexpr std::size_t Int4PanelsBeside(std::size_t rows) {
  constexpr std::size_t kMaxRows = 3;  // with four, unpacking takes as long
  std::size_t panels = rows <= kMaxRows ? kMaxTilePanels : 0;
  while (panels > 0 && 2 * rows * panels * Unit::kPanelVectors > Unit::kInt4Sums) panels /= 2;
  return panels;
}

// The inputs of one row that a step of the tile multiplies: low halves of bytes, then high ones.
struct Int4Inputs {
  typename Unit::Inputs low;
  typename Unit::Inputs high;
};

// sums += step * (...) over the 16 inputs from `x` on of every row; `w` is their weights, and
// `fits` their steps and zeros, in the first panel.
template <std::size_t kRows, std::size_t kPanels>
CASCADE_UNIT_INLINE void WeighInt4Rows(
    const std::byte* x, const std::byte* w, const std::byte* fits, std::size_t stride,
    typename Unit::Ints (&sums)[kRows][kPanels * Unit::kPanelVectors]) {
  constexpr std::size_t kVectors = kPanels * Unit::kPanelVectors;
  constexpr std::size_t kStepInputs = 2 * kDotInputs;
  typename Unit::Ints dots[kRows][kVectors];
  typename Unit::Ints inputs[kRows];
  CASCADE_UNROLL
  for (std::size_t r = 0; r < kRows; ++r) {
    inputs[r] = Unit::Start(0);
    CASCADE_UNROLL
    for (std::size_t v = 0; v < kVectors; ++v) dots[r][v] = Unit::Start(0);
  }
  CASCADE_UNROLL
  for (std::size_t step = 0; step < kInt4StepRows / kStepInputs; ++step) {
    Int4Inputs rows[kRows];
    CASCADE_UNROLL
    for (std::size_t r = 0; r < kRows; ++r) {
      const std::byte* from = x + r * kDotGroup + step * kStepInputs;
      rows[r] = {Unit::Broadcast(from), Unit::Broadcast(from + kDotInputs)};
      inputs[r] = Unit::Dot(inputs[r], Unit::Ones(), rows[r].low);
      inputs[r] = Unit::Dot(inputs[r], Unit::Ones(), rows[r].high);
    }
    CASCADE_UNROLL
    for (std::size_t v = 0; v < kVectors; ++v) {
      const typename Unit::Nibbles pairs =
          Unit::LoadNibbles(w + v / Unit::kPanelVectors * stride + step * kInt4DotBlockBytes,
                            v % Unit::kPanelVectors);
      CASCADE_UNROLL
      for (std::size_t r = 0; r < kRows; ++r) {
        dots[r][v] = Unit::Dot(dots[r][v], Unit::Low(pairs), rows[r].low);
        dots[r][v] = Unit::Dot(dots[r][v], Unit::High(pairs), rows[r].high);
      }
    }
  }
  CASCADE_UNROLL
  for (std::size_t r = 0; r < kRows; ++r) inputs[r] = Unit::PrepareInputs(inputs[r]);
  CASCADE_UNROLL
  for (std::size_t v = 0; v < kVectors; ++v) {
    const typename Unit::Fits of_columns =
        Unit::LoadFits(fits + v / Unit::kPanelVectors * stride, v % Unit::kPanelVectors);
    CASCADE_UNROLL
    for (std::size_t r = 0; r < kRows; ++r) {
      sums[r][v] = Unit::Weigh(sums[r][v], dots[r][v], inputs[r], of_columns);
    }
  }
}

// Whole groups, as panels have them and rows are padded: `t.steps` is rounded up.
template <std::size_t kRows, std::size_t kPanels>
CASCADE_UNIT __attribute__((noinline)) void MultiplyInt4Tile(const DotOperands& t) {
  constexpr std::size_t kVectors = kPanels * Unit::kPanelVectors;
  constexpr std::size_t kLanes = kPanelColumns / Unit::kPanelVectors;
  constexpr std::size_t kLine = 64;
  const std::size_t groups = (t.steps + kDotGroupSteps - 1) / kDotGroupSteps;
  const std::size_t soon_bytes = kDotGroupSteps * t.prefetch.step;
  for (std::size_t g = 0; g < groups; ++g) {
    const std::byte* w = t.w + g * kInt4DotGroupBytes;
    const std::byte* x = t.x + g * kRows * kDotGroup;
    const std::byte* soon = t.prefetch.first + g * soon_bytes;
    typename Unit::Ints sums[kRows][kVectors];
    CASCADE_UNROLL
    for (std::size_t r = 0; r < kRows; ++r) {
      CASCADE_UNROLL
      for (std::size_t v = 0; v < kVectors; ++v) sums[r][v] = Unit::Start(0);
    }
    for (std::size_t s = 0; s < kDotGroup / kInt4StepRows; ++s) {
      CASCADE_UNROLL
      for (std::size_t p = 0; p < kPanels; ++p) {
        for (std::size_t b = s * kLine; b < soon_bytes; b += 4 * kLine) {
          __builtin_prefetch(soon + p * t.prefetch.panel_stride + b, 0, 2);
        }
      }
      WeighInt4Rows<kRows, kPanels>(x + s * kInt4StepRows, w + 2 * s * kInt4DotBlockBytes,
                                    w + kInt4DotWeightBytes + s * kPanelColumns, t.panel_stride,
                                    sums);
    }
    CASCADE_UNROLL
    for (std::size_t r = 0; r < kRows; ++r) {
      const auto scale = Unit::Set(t.scales[g * kRows + r]);
      CASCADE_UNROLL
      for (std::size_t v = 0; v < kVectors; ++v) {
        float* chain = t.chains + (r * kVectors + v) * kLanes;
        const typename Unit::Floats start =
            g == 0 && t.from_zero ? Unit::Zero() : Unit::Load(chain);
        Unit::Store(Unit::Fma(Unit::Convert(sums[r][v]), scale, start), chain);
      }
    }
  }
}

constexpr std::size_t MaxInt4Rows() {
  std::size_t rows = 0;
  while (Int4PanelsBeside(rows + 1) > 0) ++rows;
  return rows;
}

// MultiplyInt4Tile for every number of rows, at [rows - 1]; kPanels = 0: as many as fit.
template <std::size_t kPanels, std::size_t... kIndex>
constexpr std::array<DotFunction, sizeof...(kIndex)> Int4TileFunctions(
    std::index_sequence<kIndex...>) {
  return {&MultiplyInt4Tile < kIndex + 1,
          kPanels == 0 ? Int4PanelsBeside(kIndex + 1) : kPanels > ...};
}

DotFunction Int4TileFor(std::size_t rows, std::size_t panels) {
  using Rows = std::make_index_sequence<MaxInt4Rows()>;
  static constexpr auto kSingle = Int4TileFunctions<1>(Rows());
  static constexpr auto kMost = Int4TileFunctions<0>(Rows());
  return (panels == 1 ? kSingle : kMost)[rows - 1];
}

}  // namespace
}  // namespace cascade::model::kernels
