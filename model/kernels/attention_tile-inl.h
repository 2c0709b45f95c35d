// SPDX-License-Identifier: Apache-2.0
// How many rows of attention share a pass over the keys or values, and how many vectors of them a
// pass takes at once.
#include "model/kernels/simd-inl.h"

#if defined(CASCADE_MODEL_KERNELS_ATTENTION_TILE_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef CASCADE_MODEL_KERNELS_ATTENTION_TILE_INL_H_
#undef CASCADE_MODEL_KERNELS_ATTENTION_TILE_INL_H_
#else
#define CASCADE_MODEL_KERNELS_ATTENTION_TILE_INL_H_
#endif

#include "model/kernels/attention.h"

HWY_BEFORE_NAMESPACE();
namespace cascade::model::kernels {
namespace HWY_NAMESPACE {

// Rows of a pass, and how many accumulators the registers hold beside one row of keys or values and
// a broadcast query or weight. A row that is alone is bound by memory; rows that share a pass load
// each key and value once for all of them.
#if HWY_TARGET == HWY_AVX3
constexpr std::size_t kPassRows = 12;
constexpr std::size_t kChains = 24;
#elif HWY_TARGET == HWY_AVX2
constexpr std::size_t kPassRows = 6;
constexpr std::size_t kChains = 12;
#elif HWY_TARGET == HWY_NEON
constexpr std::size_t kPassRows = 4;
constexpr std::size_t kChains = 16;
#else  // plain C++ has no vector registers to fill: a larger tile would only take longer to compile
constexpr std::size_t kPassRows = 1;
constexpr std::size_t kChains = kPanelVectors;
#endif
static_assert(kPassRows <= kAttentionRows);

// Vectors that `rows` rows can take at once, at most 8: a power of two.
constexpr std::size_t VectorsFor(std::size_t rows) {
  std::size_t vectors = 8;
  while (vectors > 1 && rows * vectors > kChains) vectors /= 2;
  return vectors;
}

// Sets all chains to zero.
template <class V, std::size_t kRows, std::size_t kVectors>
HWY_INLINE void Clear(V (&chains)[kRows][kVectors]) {
  CASCADE_UNROLL
  for (std::size_t r = 0; r < kRows; ++r) {
    CASCADE_UNROLL
    for (std::size_t v = 0; v < kVectors; ++v) chains[r][v] = hn::Zero(hn::DFromV<V>());
  }
}

// Calls `pass.template Run<kRows>(first)` for rows [first, first + kRows), kPassRows at a time,
// then half as many, until all `rows` are done.
template <class Pass, std::size_t kRows = kPassRows>
HWY_INLINE void ForRowsOf(const Pass& pass, std::size_t rows, std::size_t first = 0) {
  for (; first + kRows <= rows; first += kRows) pass.template Run<kRows>(first);
  if constexpr (kRows > 1) ForRowsOf<Pass, kRows / 2>(pass, rows, first);
}

}  // namespace HWY_NAMESPACE
}  // namespace cascade::model::kernels
HWY_AFTER_NAMESPACE();
#endif
