// SPDX-License-Identifier: Apache-2.0
// The integer unit of AVX-512 VNNI: vpdpbusd on 16 lanes, which adds four products of unsigned
// weights and signed inputs to each without saturation, and vpdpwssd for two of 16 bits.

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>
#include <utility>

#include "model/kernels/integer_tile.h"
#include "model/kernels/output_tile.h"

#ifdef __x86_64__

#include <immintrin.h>

#define CASCADE_UNIT __attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,avx512vnni")))
#define CASCADE_UNIT_INLINE CASCADE_UNIT __attribute__((always_inline)) static inline

namespace cascade::model::kernels {
namespace {

struct Unit {
  static constexpr std::string_view kName = "avx512_vnni";
  // Not __m512i, whose lanes have 64 bits: as these have the type that the product works on, GCC
  // need not copy sums from one register to another between two steps.
  using Ints = __v16si;
  using Floats = __m512;
  using Weights = __m512i;
  using Inputs = __m512i;
  using Words = __m512i;
  using Nibbles = __m512i;
  struct Fits {
    __m512i ones_and_zeros;  // in the two halves of a lane
    __m512i steps;
  };
  static constexpr std::size_t kPanelVectors = 1;
  static constexpr std::size_t kMaxRows = 12;
  static constexpr std::size_t kMaxVectors = 28;
  // The largest whose chains stay in registers beside the sums.
  static constexpr std::size_t kManyRows = 6;
  static constexpr std::size_t kManyPanels = 2;
  static constexpr std::size_t kRegisters = 30;
  static constexpr bool kKeepsChains = true;
  static constexpr std::size_t kInt4Sums = 16;

  CASCADE_UNIT_INLINE Ints Start(std::int32_t offset) {
    return reinterpret_cast<Ints>(_mm512_set1_epi32(offset));
  }
  CASCADE_UNIT_INLINE Weights LoadWeights(const std::byte* w, std::size_t /*vector*/) {
    return _mm512_loadu_si512(w);
  }
  CASCADE_UNIT_INLINE Inputs Broadcast(const std::byte* x) {
    std::int32_t four = 0;
    std::memcpy(&four, x, sizeof(four));
    return _mm512_set1_epi32(four);
  }
  CASCADE_UNIT_INLINE Ints Dot(Ints sum, Weights w, Inputs x) {
    return reinterpret_cast<Ints>(_mm512_dpbusd_epi32(reinterpret_cast<__m512i>(sum), w, x));
  }
  CASCADE_UNIT_INLINE Words LoadWords(const std::byte* w, std::size_t /*vector*/) {
    return _mm512_loadu_si512(w);
  }
  CASCADE_UNIT_INLINE Words BroadcastWords(const std::byte* x) { return Broadcast(x); }
  CASCADE_UNIT_INLINE Ints DotWords(Ints sum, Words w, Words x) {
    return reinterpret_cast<Ints>(_mm512_dpwssd_epi32(reinterpret_cast<__m512i>(sum), w, x));
  }
  CASCADE_UNIT_INLINE Nibbles LoadNibbles(const std::byte* w, std::size_t /*vector*/) {
    return _mm512_loadu_si512(w);
  }
  CASCADE_UNIT_INLINE Nibbles Low(Nibbles n) { return _mm512_and_si512(n, _mm512_set1_epi8(15)); }
  CASCADE_UNIT_INLINE Nibbles High(Nibbles n) { return Low(_mm512_srli_epi16(n, 4)); }
  CASCADE_UNIT_INLINE Nibbles Ones() { return _mm512_set1_epi8(1); }
  CASCADE_UNIT_INLINE Fits LoadFits(const std::byte* fits, std::size_t /*vector*/) {
    // With masks, as Convert.
    const __m512i both =
        _mm512_maskz_cvtepu8_epi32(0xffff, _mm_loadu_si128(reinterpret_cast<const __m128i*>(fits)));
    const __m512i zeros =
        _mm512_and_si512(_mm512_maskz_slli_epi32(0xffff, both, 12), _mm512_set1_epi32(0xf0000));
    return {_mm512_or_si512(zeros, _mm512_set1_epi32(1)),
            _mm512_and_si512(both, _mm512_set1_epi32(15))};
  }
  // Their negatives, in upper halves: 16 bits hold them, and sums of 16 inputs times 15 too.
  CASCADE_UNIT_INLINE Ints PrepareInputs(Ints sums) {
    const __m512i negative =
        _mm512_sub_epi32(_mm512_setzero_si512(), reinterpret_cast<__m512i>(sums));
    return reinterpret_cast<Ints>(_mm512_maskz_slli_epi32(0xffff, negative, 16));
  }
  CASCADE_UNIT_INLINE Ints Weigh(Ints sum, Ints dots, Ints inputs, const Fits& fits) {
    const __m512i both = _mm512_mask_blend_epi16(0x55555555, reinterpret_cast<__m512i>(inputs),
                                                 reinterpret_cast<__m512i>(dots));
    const __m512i products = _mm512_madd_epi16(both, fits.ones_and_zeros);
    return reinterpret_cast<Ints>(
        _mm512_dpwssd_epi32(reinterpret_cast<__m512i>(sum), products, fits.steps));
  }
  CASCADE_UNIT_INLINE Floats Zero() { return _mm512_setzero_ps(); }
  CASCADE_UNIT_INLINE Floats Set(float value) { return _mm512_set1_ps(value); }
  CASCADE_UNIT_INLINE Floats Load(const float* from) { return _mm512_loadu_ps(from); }
  CASCADE_UNIT_INLINE void Store(Floats value, float* to) { _mm512_storeu_ps(to, value); }
  // As _mm512_cvtepi32_ps, in which GCC 12 sees a number that is not initialized.
  CASCADE_UNIT_INLINE Floats Convert(Ints sum) {
    return _mm512_maskz_cvtepi32_ps(0xffff, reinterpret_cast<__m512i>(sum));
  }
  CASCADE_UNIT_INLINE Floats Fma(Floats a, Floats b, Floats c) { return _mm512_fmadd_ps(a, b, c); }
};

}  // namespace
}  // namespace cascade::model::kernels

#include "model/kernels/integer_tile-inl.h"

namespace cascade::model::kernels {
const IntegerUnit* const kAvx512VnniUnit = &kUnit;
}  // namespace cascade::model::kernels

#else

namespace cascade::model::kernels {
const IntegerUnit* const kAvx512VnniUnit = nullptr;
}  // namespace cascade::model::kernels

#endif
