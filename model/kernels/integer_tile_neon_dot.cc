// SPDX-License-Identifier: Apache-2.0
// The integer unit of 64-bit ARM's dot product instructions: sdot, four lanes of four signed
// products. Products of 16 bits are smull's, added in pairs.

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>
#include <utility>

#include "model/kernels/integer_tile.h"
#include "model/kernels/output_tile.h"

// Older versions of Clang have the intrinsics only where the whole file is compiled for them.
#if defined(__aarch64__) && \
    (!defined(__clang__) || __clang_major__ >= 16 || defined(__ARM_FEATURE_DOTPROD))

#include <arm_neon.h>

#define CASCADE_UNIT __attribute__((target("arch=armv8.2-a+dotprod")))
#define CASCADE_UNIT_INLINE CASCADE_UNIT __attribute__((always_inline)) static inline

namespace cascade::model::kernels {
namespace {

struct Unit {
  static constexpr std::string_view kName = "neon_dot";
  using Ints = int32x4_t;
  using Floats = float32x4_t;
  using Weights = int8x16_t;
  using Inputs = int8x16_t;
  using Words = int16x8_t;
  using Nibbles = int8x16_t;
  struct Fits {
    int32x4_t zeros;
    int32x4_t steps;
  };
  static constexpr std::size_t kPanelVectors = 4;
  static constexpr std::size_t kMaxRows = 5;
  static constexpr std::size_t kMaxVectors = 24;
  static constexpr std::size_t kManyRows = kMaxRows;
  static constexpr std::size_t kManyPanels = 1;
  static constexpr std::size_t kRegisters = 31;
  static constexpr bool kKeepsChains = true;
  static constexpr std::size_t kInt4Sums = 16;

  CASCADE_UNIT_INLINE Ints Start(std::int32_t /*offset*/) { return vdupq_n_s32(0); }
  CASCADE_UNIT_INLINE Weights LoadWeights(const std::byte* w, std::size_t vector) {
    const auto* stored = reinterpret_cast<const std::uint8_t*>(w) + vector * sizeof(uint8x16_t);
    return vreinterpretq_s8_u8(veorq_u8(vld1q_u8(stored), vdupq_n_u8(128)));
  }
  CASCADE_UNIT_INLINE Inputs Broadcast(const std::byte* x) {
    std::int32_t four = 0;
    std::memcpy(&four, x, sizeof(four));
    return vreinterpretq_s8_s32(vdupq_n_s32(four));
  }
  CASCADE_UNIT_INLINE Ints Dot(Ints sum, Weights w, Inputs x) { return vdotq_s32(sum, w, x); }
  CASCADE_UNIT_INLINE Words LoadWords(const std::byte* w, std::size_t vector) {
    return vld1q_s16(reinterpret_cast<const std::int16_t*>(w) + vector * 8);
  }
  CASCADE_UNIT_INLINE Words BroadcastWords(const std::byte* x) {
    return vreinterpretq_s16_s8(Broadcast(x));
  }
  CASCADE_UNIT_INLINE Ints DotWords(Ints sum, Words w, Words x) {
    const int32x4_t low = vmull_s16(vget_low_s16(w), vget_low_s16(x));
    return vaddq_s32(sum, vpaddq_s32(low, vmull_high_s16(w, x)));
  }
  CASCADE_UNIT_INLINE Nibbles LoadNibbles(const std::byte* w, std::size_t vector) {
    return vld1q_s8(reinterpret_cast<const std::int8_t*>(w) + vector * sizeof(int8x16_t));
  }
  CASCADE_UNIT_INLINE Nibbles Low(Nibbles n) { return vandq_s8(n, vdupq_n_s8(15)); }
  CASCADE_UNIT_INLINE Nibbles High(Nibbles n) {
    return vreinterpretq_s8_u8(vshrq_n_u8(vreinterpretq_u8_s8(n), 4));
  }
  CASCADE_UNIT_INLINE Nibbles Ones() { return vdupq_n_s8(1); }
  CASCADE_UNIT_INLINE Fits LoadFits(const std::byte* fits, std::size_t vector) {
    std::uint32_t four = 0;
    std::memcpy(&four, fits + vector * sizeof(four), sizeof(four));
    const uint16x8_t bytes = vmovl_u8(vreinterpret_u8_u32(vdup_n_u32(four)));
    const int32x4_t both = vreinterpretq_s32_u32(vmovl_u16(vget_low_u16(bytes)));
    return {vshrq_n_s32(both, 4), vandq_s32(both, vdupq_n_s32(15))};
  }
  CASCADE_UNIT_INLINE Ints PrepareInputs(Ints sums) { return sums; }
  CASCADE_UNIT_INLINE Ints Weigh(Ints sum, Ints dots, Ints inputs, const Fits& fits) {
    return vmlaq_s32(sum, vmlsq_s32(dots, fits.zeros, inputs), fits.steps);
  }
  CASCADE_UNIT_INLINE Floats Zero() { return vdupq_n_f32(0.0f); }
  CASCADE_UNIT_INLINE Floats Set(float value) { return vdupq_n_f32(value); }
  CASCADE_UNIT_INLINE Floats Load(const float* from) { return vld1q_f32(from); }
  CASCADE_UNIT_INLINE void Store(Floats value, float* to) { vst1q_f32(to, value); }
  CASCADE_UNIT_INLINE Floats Convert(Ints sum) { return vcvtq_f32_s32(sum); }
  CASCADE_UNIT_INLINE Floats Fma(Floats a, Floats b, Floats c) { return vfmaq_f32(c, a, b); }
};

}  // namespace
}  // namespace cascade::model::kernels

#include "model/kernels/integer_tile-inl.h"

namespace cascade::model::kernels {
const IntegerUnit* const kNeonDotUnit = &kUnit;
}  // namespace cascade::model::kernels

#else

namespace cascade::model::kernels {
const IntegerUnit* const kNeonDotUnit = nullptr;
}  // namespace cascade::model::kernels

#endif
