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

  CASCADE_UNIT_INLINE __m256i LoadStored(const std::byte* w, std::size_t vector) {
    return _mm256_loadu_si256(reinterpret_cast<const __m256i*>(w + vector * sizeof(__m256i)));
  }
  CASCADE_UNIT_INLINE __m256i BroadcastFour(const std::int8_t* x) {
    std::int32_t four = 0;
    std::memcpy(&four, x, sizeof(four));
    return _mm256_set1_epi32(four);
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
