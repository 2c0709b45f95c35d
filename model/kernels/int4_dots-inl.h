// SPDX-License-Identifier: Apache-2.0
// Reading int4_dot_panels.h's weights: as the int8 operands that the integer units multiply with
// many rows (int4_tile-inl.h is for few), and one input at a time. A 32-bit lane has the four
// weights of a step that belong to one output, and no byte carries into the next: u * step + 128 -
// zero * step is q + 128, from 1 to 255.
#include <cstddef>
#include <cstdint>

#include "model/kernels/int4_dot_panels.h"
#include "model/kernels/integer_tile.h"
#include "model/kernels/simd-inl.h"

#if defined(CASCADE_MODEL_KERNELS_INT4_DOTS_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef CASCADE_MODEL_KERNELS_INT4_DOTS_INL_H_
#undef CASCADE_MODEL_KERNELS_INT4_DOTS_INL_H_
#else
#define CASCADE_MODEL_KERNELS_INT4_DOTS_INL_H_
#endif

HWY_BEFORE_NAMESPACE();
namespace cascade::model::kernels {
namespace HWY_NAMESPACE {

using WordTag = hn::RebindToUnsigned<FloatTag>;
using WordVector = hn::Vec<WordTag>;

// Steps and zeros of columns, from their bytes.
struct StepsAndZeros {
  WordVector steps;
  WordVector zeros;
};

HWY_INLINE StepsAndZeros LoadSteps(const std::byte* bytes) {
  const WordTag d;
  const hn::Rebind<std::uint8_t, WordTag> bytes_tag;
  const WordVector both =
      hn::PromoteTo(d, hn::LoadU(bytes_tag, reinterpret_cast<const std::uint8_t*>(bytes)));
  return {hn::And(both, hn::Set(d, 15)), hn::ShiftRight<4>(both)};
}

// The low halves of the lanes in both halves.
HWY_INLINE WordVector InBothHalves(WordVector v) { return hn::Or(v, hn::ShiftLeft<16>(v)); }

// Each byte of a lane times the lane's factor, which is in both its halves. REQUIRES: no product is
// above 255. x86 multiplies 16 bits in half the time of 32.
HWY_INLINE WordVector MultiplyBytes(WordVector bytes, WordVector factor) {
#if CASCADE_SCALAR_TARGET
  return hn::Mul(bytes, hn::And(factor, hn::Set(WordTag(), 0xffff)));
#else
  const hn::Repartition<std::uint16_t, WordTag> halves;
  return hn::BitCast(WordTag(), hn::Mul(hn::BitCast(halves, bytes), hn::BitCast(halves, factor)));
#endif
}

// Writes one group of a panel to `out` as integer_panels.h's Int8DotOrder has it: 1024 bytes.
// REQUIRES: zero * step is at most 128, as PackInt4DotPanels makes it.
HWY_INLINE void UnpackGroup(const std::byte* group, std::byte* out) {
  constexpr std::size_t kBlocks = kInt4StepRows / kDotInputs / 2;  // that share steps
  const WordTag d;
  const WordVector nibbles = hn::Set(d, 0x0f0f0f0f);
  for (std::size_t s = 0; s < kDotGroup / kInt4StepRows; ++s) {
    for (std::size_t c = 0; c < kPanelColumns; c += kLanes) {
      const StepsAndZeros by = LoadSteps(group + kInt4DotWeightBytes + s * kPanelColumns + c);
      const WordVector steps = InBothHalves(by.steps);
      const WordVector first = hn::Sub(hn::Set(d, 128), MultiplyBytes(by.zeros, steps));
      const WordVector firsts = MultiplyBytes(hn::Set(d, 0x01010101), InBothHalves(first));
      for (std::size_t b = s * kBlocks; b < (s + 1) * kBlocks; ++b) {
        const WordVector pairs = hn::LoadU(
            d, reinterpret_cast<const std::uint32_t*>(group + b * kInt4DotBlockBytes) + c);
        const WordVector low = hn::And(pairs, nibbles);
        const WordVector high = hn::And(hn::ShiftRight<4>(pairs), nibbles);
        auto* operands = reinterpret_cast<std::uint32_t*>(out + 2 * b * kInt4DotBlockBytes) + c;
        hn::StoreU(hn::Add(MultiplyBytes(low, steps), firsts), d, operands);
        hn::StoreU(hn::Add(MultiplyBytes(high, steps), firsts), d, operands + kPanelColumns);
      }
    }
  }
}

// The integers of row `row` and of the columns from `column` on of a panel.
HWY_INLINE FloatVector Int4Weights(const std::byte* panel, std::size_t row, std::size_t column) {
  const FloatTag d;
  const WordTag words;
  const std::byte* group = panel + row / kDotGroup * kInt4DotGroupBytes;
  const std::size_t in_group = row % kDotGroup;
  const Int4DotPlace place = Int4DotPlaceOf(in_group, column);
  const std::size_t in_word = in_group % kDotInputs;
  const WordVector four =
      hn::LoadU(words, reinterpret_cast<const std::uint32_t*>(group + place.byte - in_word));
  const int shift = static_cast<int>(in_word * 8 + place.shift);
  const WordVector u = hn::And(hn::ShiftRightSame(four, shift), hn::Set(words, 15));
  const StepsAndZeros by =
      LoadSteps(group + kInt4DotWeightBytes + in_group / kInt4StepRows * kPanelColumns + column);
  const hn::RebindToSigned<FloatTag> integers;
  return hn::ConvertTo(d, hn::BitCast(integers, hn::Mul(hn::Sub(u, by.zeros), by.steps)));
}

}  // namespace HWY_NAMESPACE
}  // namespace cascade::model::kernels
HWY_AFTER_NAMESPACE();
#endif
