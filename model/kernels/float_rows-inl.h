// SPDX-License-Identifier: Apache-2.0
// Reading rows of floats with SIMD: what float_rows.h describes, for panels of weights and blocks
// of keys or values alike.
//
// A reader has kGroupRows, the consecutive rows that are stored together, GroupBytes(columns), what
// such a group takes, and Load(d, group, row, column): the lanes of `d` from `column` on, in row
// `row` of the group, widened exactly.
#include <cstdint>

#include "model/kernels/simd-inl.h"

#if defined(CASCADE_MODEL_KERNELS_FLOAT_ROWS_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef CASCADE_MODEL_KERNELS_FLOAT_ROWS_INL_H_
#undef CASCADE_MODEL_KERNELS_FLOAT_ROWS_INL_H_
#else
#define CASCADE_MODEL_KERNELS_FLOAT_ROWS_INL_H_
#endif

#include "model/kernels/float_bits.h"

HWY_BEFORE_NAMESPACE();
namespace cascade::model::kernels {
namespace HWY_NAMESPACE {

// All loads are unaligned ones: on aligned addresses they are as fast, and they fold into the
// multiply-add as an operand all the same.
struct F32Reader {
  static constexpr std::size_t kGroupRows = 1;
  static constexpr std::size_t GroupBytes(std::size_t columns) { return columns * sizeof(float); }

  template <class Tag>
  static HWY_INLINE hn::Vec<Tag> Load(Tag d, const std::byte* group, std::size_t /*row*/,
                                      std::size_t column) {
    return hn::LoadU(d, reinterpret_cast<const float*>(group) + column);
  }
};

// A word holds two rows' elements of one column. A bfloat16 is the upper half of a float, so the
// even row is shifted up and the odd one masked: one cheap instruction each, where 16-bit elements
// in a row of their own would have to pass through the shuffle unit to reach 32-bit lanes.
struct Bf16Reader {
  static constexpr std::size_t kGroupRows = 2;
  static constexpr std::size_t GroupBytes(std::size_t columns) {
    return columns * sizeof(std::uint32_t);
  }

  template <class Tag>
  static HWY_INLINE hn::Vec<Tag> Load(Tag d, const std::byte* group, std::size_t row,
                                      std::size_t column) {
    const hn::RebindToUnsigned<Tag> du;
    const auto words = hn::LoadU(du, reinterpret_cast<const std::uint32_t*>(group) + column);
    if (row == 0) return hn::BitCast(d, hn::ShiftLeft<16>(words));
    return hn::BitCast(d, hn::And(words, hn::Set(du, 0xffff0000u)));
  }
};

struct F16Reader {
  static constexpr std::size_t kGroupRows = 1;
  static constexpr std::size_t GroupBytes(std::size_t columns) {
    return columns * sizeof(std::uint16_t);
  }

  template <class Tag>
  static HWY_INLINE hn::Vec<Tag> Load(Tag d, const std::byte* group, std::size_t /*row*/,
                                      std::size_t column) {
#if CASCADE_SCALAR_TARGET  // Highway's own scalar PromoteTo turns infinities into large numbers
    const auto* halves = reinterpret_cast<const std::uint16_t*>(group) + column;
    constexpr std::size_t kCount = hn::MaxLanes(d);
    HWY_ALIGN float lanes[kCount];
    for (std::size_t i = 0; i < kCount; ++i) lanes[i] = FloatFromF16(halves[i]);
    return hn::Load(d, lanes);
#else
    const hn::Rebind<hwy::float16_t, Tag> dh;
    const auto* halves = reinterpret_cast<const hwy::float16_t*>(group) + column;
    return hn::PromoteTo(d, hn::LoadU(dh, halves));
#endif
  }
};

}  // namespace HWY_NAMESPACE
}  // namespace cascade::model::kernels
HWY_AFTER_NAMESPACE();
#endif
