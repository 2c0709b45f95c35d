// SPDX-License-Identifier: Apache-2.0
// The integer unit of AVX-VNNI: vpdpbusd and vpdpwssd on 8 lanes, for CPUs that have it without
// AVX-512.

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

#define CASCADE_UNIT __attribute__((target("avx2,fma,avxvnni")))
#define CASCADE_UNIT_INLINE CASCADE_UNIT __attribute__((always_inline)) static inline

#include "model/kernels/integer_tile_avx-inl.h"

namespace cascade::model::kernels {
namespace {

struct Unit : AvxUnit {
  static constexpr std::string_view kName = "avx_vnni";
  using Weights = __m256i;
  static constexpr std::size_t kMaxRows = 6;
  static constexpr std::size_t kMaxVectors = 14;
  static constexpr std::size_t kManyRows = kMaxRows;
  static constexpr std::size_t kManyPanels = 1;

  CASCADE_UNIT_INLINE Ints Start(std::int32_t offset) {
    return reinterpret_cast<Ints>(_mm256_set1_epi32(offset));
  }
  CASCADE_UNIT_INLINE Weights LoadWeights(const std::byte* w, std::size_t vector) {
    return LoadStored(w, vector);
  }
  CASCADE_UNIT_INLINE Ints Dot(Ints sum, Weights w, Inputs x) {
    return reinterpret_cast<Ints>(_mm256_dpbusd_avx_epi32(reinterpret_cast<__m256i>(sum), w, x));
  }
  CASCADE_UNIT_INLINE Ints DotWords(Ints sum, Words w, Words x) {
    return reinterpret_cast<Ints>(_mm256_dpwssd_avx_epi32(reinterpret_cast<__m256i>(sum), w, x));
  }
  CASCADE_UNIT_INLINE Ints Weigh(Ints sum, Ints dots, Ints inputs, const Fits& fits) {
    return reinterpret_cast<Ints>(_mm256_dpwssd_avx_epi32(
        reinterpret_cast<__m256i>(sum), LessZeros(dots, inputs, fits), fits.steps));
  }
};

}  // namespace
}  // namespace cascade::model::kernels

#include "model/kernels/integer_tile-inl.h"

namespace cascade::model::kernels {
const IntegerUnit* const kAvxVnniUnit = &kUnit;
}  // namespace cascade::model::kernels

#else

namespace cascade::model::kernels {
const IntegerUnit* const kAvxVnniUnit = nullptr;
}  // namespace cascade::model::kernels

#endif
