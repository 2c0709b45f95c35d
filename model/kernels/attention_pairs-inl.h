// SPDX-License-Identifier: Apache-2.0
// What both products of attention share where keys and values are int8: sums of products of 16-bit
// numbers with bytes, a pair in each 32-bit lane.
//
// A sum of integers is exact, so its order cannot matter. kExactNumbers products of a 16-bit and an
// 8-bit number are less than 2^31; where there are more, the sums of so many are added as floats.
#include <cstdint>
#include <cstring>

#include "model/kernels/attention_tile-inl.h"
#include "model/kernels/rounding-inl.h"

#if defined(CASCADE_MODEL_KERNELS_ATTENTION_PAIRS_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef CASCADE_MODEL_KERNELS_ATTENTION_PAIRS_INL_H_
#undef CASCADE_MODEL_KERNELS_ATTENTION_PAIRS_INL_H_
#else
#define CASCADE_MODEL_KERNELS_ATTENTION_PAIRS_INL_H_
#endif

HWY_BEFORE_NAMESPACE();
namespace cascade::model::kernels {
namespace HWY_NAMESPACE {

inline constexpr std::size_t kExactNumbers = 256;
static_assert(kExactNumbers % kBlockPositions == 0);

using IntegerTag = hn::RebindToSigned<FloatTag>;
using IntegerVector = hn::Vec<IntegerTag>;

// Bytes of a vector of pairs, and of a block's 16.
inline constexpr std::size_t kPairVectorBytes = 2 * kLanes;
inline constexpr std::size_t kPairRowBytes = 2 * kBlockPositions;

#if HWY_TARGET == HWY_AVX3 || HWY_TARGET == HWY_AVX2
// One instruction multiplies both numbers of each lane and adds the products.
using PairTag = hn::Repartition<std::int16_t, IntegerTag>;
using Pairs = hn::Vec<PairTag>;

HWY_INLINE Pairs LoadBytePairs(const std::byte* pairs) {
  const hn::Rebind<std::int8_t, PairTag> d8;
  return hn::PromoteTo(PairTag(), hn::LoadU(d8, reinterpret_cast<const std::int8_t*>(pairs)));
}

// The same two numbers in each lane.
HWY_INLINE Pairs RepeatPair(const std::int16_t* pair) {
  std::int32_t both;
  std::memcpy(&both, pair, sizeof(both));
  return hn::BitCast(PairTag(), hn::Set(IntegerTag(), both));
}

HWY_INLINE IntegerVector AddProducts(IntegerVector sum, Pairs bytes, Pairs numbers) {
  auto unused = hn::Zero(IntegerTag());
  sum = hn::ReorderWidenMulAccumulate(IntegerTag(), bytes, numbers, sum, unused);
  // Or GCC, which knows that integers may be added in any order, would multiply for all sums first,
  // and keep the products in memory.
  asm("" : "+v"(sum.raw));
  return sum;
}
#else
struct Pairs {
  // The compiler's own constructors are not compiled for the target.
  HWY_INLINE Pairs() {}
  HWY_INLINE Pairs(IntegerVector of_even, IntegerVector of_odd) : even(of_even), odd(of_odd) {}

  IntegerVector even;
  IntegerVector odd;
};

HWY_INLINE Pairs LoadBytePairs(const std::byte* pairs) {
  const hn::Rebind<std::int16_t, IntegerTag> d16;
  HWY_ALIGN std::int16_t words[kLanes];
  std::memcpy(words, pairs, sizeof(words));
  const IntegerVector both = hn::PromoteTo(IntegerTag(), hn::Load(d16, words));
  return {hn::ShiftRight<24>(hn::ShiftLeft<24>(both)), hn::ShiftRight<8>(both)};
}

HWY_INLINE Pairs RepeatPair(const std::int16_t* pair) {
  return {hn::Set(IntegerTag(), pair[0]), hn::Set(IntegerTag(), pair[1])};
}

HWY_INLINE IntegerVector AddProducts(IntegerVector sum, const Pairs& bytes, const Pairs& numbers) {
  return hn::Add(hn::Add(sum, hn::Mul(bytes.even, numbers.even)), hn::Mul(bytes.odd, numbers.odd));
}
#endif

// sums[r][v] += the pair of row r, which is `stride` numbers after row r - 1's, times pairs[v].
template <std::size_t kRows, std::size_t kVectors>
HWY_INLINE void AddRowsProducts(const Pairs (&pairs)[kVectors], const std::int16_t* numbers,
                                std::size_t stride, IntegerVector (&sums)[kRows][kVectors]) {
  CASCADE_UNROLL
  for (std::size_t r = 0; r < kRows; ++r) {
    const Pairs number = RepeatPair(numbers + r * stride);
    CASCADE_UNROLL
    for (std::size_t v = 0; v < kVectors; ++v)
      sums[r][v] = AddProducts(sums[r][v], pairs[v], number);
  }
}

}  // namespace HWY_NAMESPACE
}  // namespace cascade::model::kernels
HWY_AFTER_NAMESPACE();
#endif
