// SPDX-License-Identifier: Apache-2.0
// The two 16-bit float formats, bit by bit: exact widening, and rounding to nearest, ties to even;
// and the same rounding to a whole number.
#pragma once

#include <bit>
#include <cstdint>

namespace cascade::model::kernels {

// By adding 1.5 * 2^23: floats of that size are one apart, and the integer is then in the low bits
// of the sum. REQUIRES: a magnitude of at most 2^22.
inline std::int32_t IntegerFromFloat(float value) {
  constexpr float kShift = 0x1.8p23f;
  return std::bit_cast<std::int32_t>(value + kShift) - std::bit_cast<std::int32_t>(kShift);
}

inline float FloatFromBf16(std::uint16_t bits) {
  return std::bit_cast<float>(static_cast<std::uint32_t>(bits) << 16);
}

// Overflow rounds to infinity; NaN stays NaN.
inline std::uint16_t Bf16FromFloat(float value) {
  const std::uint32_t bits = std::bit_cast<std::uint32_t>(value);
  const std::uint32_t rounded = (bits + 0x7fffu + ((bits >> 16) & 1u)) >> 16;
  const std::uint32_t quiet = (bits >> 16) | 0x40u;
  const bool is_nan = (bits & 0x7fffffffu) > 0x7f800000u;
  return static_cast<std::uint16_t>(is_nan ? quiet : rounded);
}

inline float FloatFromF16(std::uint16_t half) {
  const std::uint32_t sign = (half & 0x8000u) << 16;
  const std::uint32_t magnitude = half & 0x7fffu;
  // As a float's bits the magnitude is 2^112 too small, subnormals included; infinity and NaN need
  // all bits of the float's exponent.
  const float finite = std::bit_cast<float>(magnitude << 13) * 0x1p112f;
  const std::uint32_t special = 0x7f800000u | (magnitude << 13);
  const std::uint32_t bits = magnitude >= 0x7c00u ? special : std::bit_cast<std::uint32_t>(finite);
  return std::bit_cast<float>(bits | sign);
}

// Magnitudes from 65520 on round to infinity; NaN stays NaN.
inline std::uint16_t F16FromFloat(float value) {
  const std::uint32_t bits = std::bit_cast<std::uint32_t>(value);
  const std::uint32_t magnitude = bits & 0x7fffffffu;
  // Below 2^-14 the half is subnormal, a multiple of 2^-24: an addition to 0.5 rounds to just that.
  const std::uint32_t subnormal =
      std::bit_cast<std::uint32_t>(std::bit_cast<float>(magnitude) + 0.5f) - 0x3f000000u;
  const std::uint32_t normal = (magnitude - 0x38000000u + 0xfffu + ((magnitude >> 13) & 1u)) >> 13;
  std::uint32_t half = magnitude < 0x38800000u ? subnormal : normal;
  if (magnitude >= 0x477ff000u) half = 0x7c00u;
  if (magnitude > 0x7f800000u) half = 0x7e00u;
  return static_cast<std::uint16_t>(half | ((bits >> 16) & 0x8000u));
}

}  // namespace cascade::model::kernels
