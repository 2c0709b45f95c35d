// SPDX-License-Identifier: Apache-2.0
// What the two units of 256-bit registers share: all but their products. As integer_tile-inl.h, for
// a unit's own source file.

#include <cstdint>
#include <cstring>

namespace cascade::model::kernels {
namespace {

struct AvxUnit {
  // Not __m256i, whose lanes have 64 bits: as these have the type that the products work on, GCC
  // need not copy sums from one register to another between two steps.
  using Ints = __v8si;
  using Floats = __m256;
  static constexpr std::size_t kPanelVectors = 2;
  static constexpr std::size_t kRegisters = 16;
  static constexpr bool kKeepsChains = true;
  static constexpr std::size_t kInt4Sums = 8;
  using Inputs = __m256i;
  using Words = __m256i;
  using Nibbles = __m256i;
  struct Fits {
    __m256i ones_and_zeros;  // in the two halves of a lane
    __m256i steps;
  };

  CASCADE_UNIT_INLINE __m256i LoadStored(const std::byte* w, std::size_t vector) {
    return _mm256_loadu_si256(reinterpret_cast<const __m256i*>(w + vector * sizeof(__m256i)));
  }
  CASCADE_UNIT_INLINE __m256i Broadcast(const std::byte* x) {
    std::int32_t four = 0;
    std::memcpy(&four, x, sizeof(four));
    return _mm256_set1_epi32(four);
  }
  CASCADE_UNIT_INLINE Words LoadWords(const std::byte* w, std::size_t vector) {
    return LoadStored(w, vector);
  }
  CASCADE_UNIT_INLINE Words BroadcastWords(const std::byte* x) { return Broadcast(x); }
  CASCADE_UNIT_INLINE Nibbles LoadNibbles(const std::byte* w, std::size_t vector) {
    return LoadStored(w, vector);
  }
  CASCADE_UNIT_INLINE Nibbles Low(Nibbles n) { return _mm256_and_si256(n, _mm256_set1_epi8(15)); }
  CASCADE_UNIT_INLINE Nibbles High(Nibbles n) { return Low(_mm256_srli_epi16(n, 4)); }
  CASCADE_UNIT_INLINE Nibbles Ones() { return _mm256_set1_epi8(1); }
  CASCADE_UNIT_INLINE Fits LoadFits(const std::byte* fits, std::size_t vector) {
    const __m256i both = _mm256_cvtepu8_epi32(
        _mm_loadl_epi64(reinterpret_cast<const __m128i*>(fits + vector * sizeof(std::int64_t))));
    const __m256i zeros = _mm256_and_si256(_mm256_slli_epi32(both, 12), _mm256_set1_epi32(0xf0000));
    return {_mm256_or_si256(zeros, _mm256_set1_epi32(1)),
            _mm256_and_si256(both, _mm256_set1_epi32(15))};
  }
  // Their negatives, in upper halves: 16 bits hold them, and sums of 16 inputs times 15 too.
  CASCADE_UNIT_INLINE Ints PrepareInputs(Ints sums) {
    const __m256i negative =
        _mm256_sub_epi32(_mm256_setzero_si256(), reinterpret_cast<__m256i>(sums));
    return reinterpret_cast<Ints>(_mm256_slli_epi32(negative, 16));
  }
  // dots - zero * inputs, in 16 bits and their sign.
  CASCADE_UNIT_INLINE __m256i LessZeros(Ints dots, Ints inputs, const Fits& fits) {
    const __m256i both = _mm256_blend_epi16(reinterpret_cast<__m256i>(inputs),
                                            reinterpret_cast<__m256i>(dots), 0x55);
    return _mm256_madd_epi16(both, fits.ones_and_zeros);
  }
  CASCADE_UNIT_INLINE Floats Zero() { return _mm256_setzero_ps(); }
  CASCADE_UNIT_INLINE Floats Set(float value) { return _mm256_set1_ps(value); }
  CASCADE_UNIT_INLINE Floats Load(const float* from) { return _mm256_loadu_ps(from); }
  CASCADE_UNIT_INLINE void Store(Floats value, float* to) { _mm256_storeu_ps(to, value); }
  CASCADE_UNIT_INLINE Floats Convert(Ints sum) {
    return _mm256_cvtepi32_ps(reinterpret_cast<__m256i>(sum));
  }
  CASCADE_UNIT_INLINE Floats Fma(Floats a, Floats b, Floats c) { return _mm256_fmadd_ps(a, b, c); }
};

}  // namespace
}  // namespace cascade::model::kernels
