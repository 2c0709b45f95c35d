// SPDX-License-Identifier: Apache-2.0
// The integer unit of AVX2: products of 8 bits, summed in 16 and then in 32. vpmaddubsw multiplies
// unsigned by signed numbers, so it gets the weights' magnitudes, and the inputs with the weights'
// signs. Neither is ever -128: two products are at most 2 * 127 * 127 = 32258, which 16 bits hold,
// and so nothing saturates.

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

#define CASCADE_UNIT __attribute__((target("avx2,fma")))
#define CASCADE_UNIT_INLINE CASCADE_UNIT __attribute__((always_inline)) static inline

#include "model/kernels/integer_tile_avx-inl.h"

namespace cascade::model::kernels {
namespace {

struct Unit : AvxUnit {
  static constexpr std::string_view kName = "avx2";
  struct Weights {
    __m256i signed_ones;
    __m256i magnitudes;
  };
  static constexpr std::size_t kMaxRows = 4;
  static constexpr std::size_t kMaxVectors = 10;
  static constexpr std::size_t kManyRows = kMaxRows;
  static constexpr std::size_t kManyPanels = 1;

  CASCADE_UNIT_INLINE Ints Start(std::int32_t /*offset*/) { return Ints{}; }
  CASCADE_UNIT_INLINE Weights LoadWeights(const std::byte* w, std::size_t vector) {
    const __m256i weights = _mm256_xor_si256(LoadStored(w, vector), _mm256_set1_epi8(-128));
    return {weights, _mm256_abs_epi8(weights)};
  }
  CASCADE_UNIT_INLINE Ints Dot(Ints sum, const Weights& w, Inputs x) {
    const __m256i pairs = _mm256_maddubs_epi16(w.magnitudes, _mm256_sign_epi8(x, w.signed_ones));
    return sum + reinterpret_cast<Ints>(_mm256_madd_epi16(pairs, _mm256_set1_epi16(1)));
  }
  CASCADE_UNIT_INLINE Ints DotWords(Ints sum, Words w, Words x) {
    return sum + reinterpret_cast<Ints>(_mm256_madd_epi16(w, x));
  }
  CASCADE_UNIT_INLINE Ints Dot(Ints sum, Nibbles w, Inputs x) {
    const __m256i pairs = _mm256_maddubs_epi16(w, x);  // at most 2 * 15 * 127
    return sum + reinterpret_cast<Ints>(_mm256_madd_epi16(pairs, _mm256_set1_epi16(1)));
  }
  CASCADE_UNIT_INLINE Ints Weigh(Ints sum, Ints dots, Ints inputs, const Fits& fits) {
    return sum +
           reinterpret_cast<Ints>(_mm256_madd_epi16(LessZeros(dots, inputs, fits), fits.steps));
  }
};

}  // namespace
}  // namespace cascade::model::kernels

#include "model/kernels/integer_tile-inl.h"

namespace cascade::model::kernels {
const IntegerUnit* const kAvx2Unit = &kUnit;
}  // namespace cascade::model::kernels

#else

namespace cascade::model::kernels {
const IntegerUnit* const kAvx2Unit = nullptr;
}  // namespace cascade::model::kernels

#endif
