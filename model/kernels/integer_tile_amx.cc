// SPDX-License-Identifier: Apache-2.0
// The integer unit of AMX-INT8, beside AVX-512 VNNI for few rows. tdpbsud multiplies signed inputs
// with the weights as they are stored, unsigned.

#include "model/kernels/integer_tile.h"

#ifdef __x86_64__

#include <immintrin.h>

#include <cstddef>
#include <cstdint>

#define CASCADE_UNIT \
  __attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,amx-tile,amx-int8")))
#define CASCADE_UNIT_INLINE CASCADE_UNIT __attribute__((always_inline)) static inline

namespace cascade::model::kernels {
namespace {

// The operand of ldtilecfg.
struct alignas(64) TileConfig {
  std::uint8_t palette = 1;  // eight registers of at most 16 rows of 64 bytes
  std::uint8_t start_row = 0;
  std::uint8_t reserved[14] = {};
  std::uint16_t row_bytes[16] = {64, 64, 64};
  std::uint8_t rows[16] = {16, 16, 16};
};
static_assert(sizeof(TileConfig) == 64);

// Three registers: 0 has the sums, 1 the inputs, 2 the weights.
struct Registers {
  static constexpr std::size_t kStride = 64;

  CASCADE_UNIT static void Configure() {
    // Static: GCC before 14 believes that ldtilecfg reads 8 of the 64 bytes, and would throw away
    // the stores to the rest of a local.
    static constexpr TileConfig kConfig;
    _tile_loadconfig(&kConfig);
  }
  CASCADE_UNIT static void Release() { _tile_release(); }

  CASCADE_UNIT_INLINE void ZeroSums() { _tile_zero(0); }
  CASCADE_UNIT_INLINE void LoadInputs(const std::byte* x) { _tile_loadd(1, x, kStride); }
  CASCADE_UNIT_INLINE void LoadWeights(const std::byte* w) {
    // GCC's _tile_loadd does not say that it reads memory, so the stores to LoadGroupWeights' copy
    // could be moved behind it. Inputs were written before this function was called.
    __asm__ volatile("" ::: "memory");
    _tile_loadd(2, w, kStride);
  }
  CASCADE_UNIT_INLINE void Multiply() { _tile_dpbsud(0, 1, 2); }
  CASCADE_UNIT_INLINE void StoreSums(std::int32_t* sums) { _tile_stored(0, sums, kStride); }
};

}  // namespace
}  // namespace cascade::model::kernels

#include "model/kernels/integer_tile_amx-inl.h"

namespace cascade::model::kernels {
const IntegerUnit* const kAmxUnit = &kUnit;
}  // namespace cascade::model::kernels

#else

namespace cascade::model::kernels {
const IntegerUnit* const kAmxUnit = nullptr;
}  // namespace cascade::model::kernels

#endif
