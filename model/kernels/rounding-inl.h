// SPDX-License-Identifier: Apache-2.0
// Rounds floats that share a scale to integers. Most of these are plain loops, of which the
// compiler makes vectors: once per SIMD target, as Highway's foreach_target.h has it.
#include <algorithm>
#include <bit>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>

#include "model/kernels/float_bits.h"
#include "model/kernels/simd-inl.h"

#if defined(CASCADE_MODEL_KERNELS_ROUNDING_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef CASCADE_MODEL_KERNELS_ROUNDING_INL_H_
#undef CASCADE_MODEL_KERNELS_ROUNDING_INL_H_
#else
#define CASCADE_MODEL_KERNELS_ROUNDING_INL_H_
#endif

HWY_BEFORE_NAMESPACE();
namespace cascade::model::kernels {
namespace HWY_NAMESPACE {

struct Rounding {
  float scale;    // from an integer to the number; NaN if no integers can stand for the numbers
  float inverse;  // and back; zero if all integers are zero
};

// How numbers whose largest magnitude is `largest` become integers of at most `limit`. A scale is a
// normal number, zero, or NaN if `largest` is not finite.
HWY_INLINE Rounding RoundingTo(float limit, float largest) {
  if (!std::isfinite(largest)) return {std::numeric_limits<float>::quiet_NaN(), 0.0f};
  const float scale = largest / limit;
  if (scale < std::numeric_limits<float>::min()) return {0.0f, 0.0f};
  return {scale, limit / largest};
}

// The same for the largest magnitude of `numbers`.
template <typename Integer>
HWY_INLINE Rounding RoundingOf(std::span<const float> numbers) {
  // Magnitudes are compared as the integers that their bits are, which have the same order; a NaN
  // counts as larger than infinity.
  std::int32_t bits = 0;
  for (const float x : numbers) {
    bits = std::max(bits, std::bit_cast<std::int32_t>(x) & 0x7fffffff);
  }
  return RoundingTo(std::numeric_limits<Integer>::max(), std::bit_cast<float>(bits));
}

// Rounds to nearest, ties to even.
template <typename Integer>
HWY_INLINE void Round(std::span<const float> numbers, const Rounding& by, Integer* rounded) {
  if (by.inverse == 0.0f) {
    std::fill_n(rounded, numbers.size(), Integer{0});
    return;
  }
  for (std::size_t i = 0; i < numbers.size(); ++i) {
    rounded[i] = static_cast<Integer>(IntegerFromFloat(numbers[i] * by.inverse));
  }
}

}  // namespace HWY_NAMESPACE
}  // namespace cascade::model::kernels
HWY_AFTER_NAMESPACE();
#endif
