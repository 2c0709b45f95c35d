// SPDX-License-Identifier: Apache-2.0
// How a matrix of floats lies in memory, in a panel of weights and in a block of keys or values
// alike: row after row, each element of an ElementType. In bf16 rows come in pairs, an odd last one
// padded: 32-bit word c of pair j is element [2j, c] below [2j + 1, c], which widens with one shift
// or one mask. float_rows-inl.h reads the same layout with SIMD. Private to this room.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>

#include "model/kernels/element_types.h"
#include "model/kernels/float_bits.h"

namespace cascade::model::kernels {

// One class for each element type: how a float becomes the stored bits and back, and where element
// [row, column] of rows of `columns` elements lies, in elements. The next column is kColumnStep
// further on; kTogether rows are stored together.
struct F32Rows {
  static constexpr ElementType kType = ElementType::kF32;
  using Bits = float;
  static constexpr std::size_t kTogether = 1;
  static constexpr std::size_t kColumnStep = 1;
  static Bits Round(float value) { return value; }
  static float Widen(Bits bits) { return bits; }
  static std::size_t Index(std::size_t row, std::size_t column, std::size_t columns) {
    return row * columns + column;
  }
};

struct Bf16Rows {
  static constexpr ElementType kType = ElementType::kBf16;
  using Bits = std::uint16_t;
  static constexpr std::size_t kTogether = 2;
  static constexpr std::size_t kColumnStep = 2;
  static Bits Round(float value) { return Bf16FromFloat(value); }
  static float Widen(Bits bits) { return FloatFromBf16(bits); }
  static std::size_t Index(std::size_t row, std::size_t column, std::size_t columns) {
    return (row / 2 * columns + column) * 2 + row % 2;
  }
};

struct F16Rows {
  static constexpr ElementType kType = ElementType::kF16;
  using Bits = std::uint16_t;
  static constexpr std::size_t kTogether = 1;
  static constexpr std::size_t kColumnStep = 1;
  static Bits Round(float value) { return F16FromFloat(value); }
  static float Widen(Bits bits) { return FloatFromF16(bits); }
  static std::size_t Index(std::size_t row, std::size_t column, std::size_t columns) {
    return row * columns + column;
  }
};

// Bytes of `rows` rows of `columns` elements, padding included.
template <typename Rows>
constexpr std::size_t RowsBytes(std::size_t rows, std::size_t columns) {
  const std::size_t padded = (rows + Rows::kTogether - 1) / Rows::kTogether * Rows::kTogether;
  return padded * columns * sizeof(typename Rows::Bits);
}

// Element `index` of what lies at `memory`, at any alignment.
template <typename Rows>
float ReadElement(const std::byte* memory, std::size_t index) {
  typename Rows::Bits bits;
  std::memcpy(&bits, memory + index * sizeof(bits), sizeof(bits));
  return Rows::Widen(bits);
}

}  // namespace cascade::model::kernels
