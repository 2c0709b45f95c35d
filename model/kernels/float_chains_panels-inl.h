// SPDX-License-Identifier: Apache-2.0
// How the float chains read a panel of each format.
//
// A panel reader has kGroupRows, the consecutive rows of a panel that are stored together in
// kGroupBytes; Load(group, row, v), row `row` of the group, columns from v * kLanes on, as floats;
// and kScaledAtEnd, whether the format has one scale for each column, which a finished chain is
// multiplied with. If so, Scales(panel, n_in) finds the panel's 16 scales.
#include <cstdint>

#include "model/kernels/float_rows-inl.h"
#include "model/kernels/simd-inl.h"

#if defined(CASCADE_MODEL_KERNELS_FLOAT_CHAINS_PANELS_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef CASCADE_MODEL_KERNELS_FLOAT_CHAINS_PANELS_INL_H_
#undef CASCADE_MODEL_KERNELS_FLOAT_CHAINS_PANELS_INL_H_
#else
#define CASCADE_MODEL_KERNELS_FLOAT_CHAINS_PANELS_INL_H_
#endif

#include "model/kernels/int4_panels.h"
#include "model/kernels/integer_panels.h"
#include "model/kernels/panel.h"

HWY_BEFORE_NAMESPACE();
namespace cascade::model::kernels {
namespace HWY_NAMESPACE {

template <class Reader>
struct FloatPanel {
  static constexpr std::size_t kGroupRows = Reader::kGroupRows;
  static constexpr std::size_t kGroupBytes = Reader::GroupBytes(kPanelColumns);
  static constexpr bool kScaledAtEnd = false;

  static HWY_INLINE FloatVector Load(const std::byte* group, std::size_t row, std::size_t v) {
    return Reader::Load(FloatTag(), group, row, v * kLanes);
  }
};

using F32Panel = FloatPanel<F32Reader>;
using Bf16Panel = FloatPanel<Bf16Reader>;
using F16Panel = FloatPanel<F16Reader>;

// Whole numbers; the column's scale comes at the end of the chain, because a multiplication for
// each weight would cost a third more where one row is multiplied.
struct Int8Panel {
  static constexpr std::size_t kGroupRows = 4;
  static constexpr std::size_t kGroupBytes = kGroupRows * kPanelColumns;
  static constexpr bool kScaledAtEnd = true;

  static HWY_INLINE FloatVector Load(const std::byte* group, std::size_t row, std::size_t v) {
    const FloatTag d;
    const hn::RebindToSigned<FloatTag> di;
    const hn::Rebind<std::int8_t, FloatTag> d8;
    const auto* bytes = reinterpret_cast<const std::int8_t*>(group) + row * kPanelColumns;
    return hn::ConvertTo(d, hn::PromoteTo(di, hn::LoadU(d8, bytes + v * kLanes)));
  }

  static const float* Scales(const std::byte* panel, std::size_t n_in) {
    return IntegerPanels<Int8RowOrder>::Scales(panel, n_in);
  }
};

// Stored are q + 8, two rows in a byte, the even one below. The weight q * scale comes out of
// fma(q + 8, scale, -8 * scale), in which both products are exact, so that it rounds once. The odd
// row is left in its upper four bits, 16 times too large, and meets scale / 16 instead: that saves
// a shift.
struct Int4Panel {
  static constexpr std::size_t kGroupRows = kInt4GroupRows;
  static constexpr std::size_t kGroupBytes = kInt4GroupBytes;
  static constexpr bool kScaledAtEnd = false;

  static HWY_INLINE FloatVector Load(const std::byte* group, std::size_t row, std::size_t v) {
    const FloatTag d;
    const hn::RebindToSigned<FloatTag> di;
    const hn::Rebind<std::uint8_t, FloatTag> d8;
    const auto* bytes = reinterpret_cast<const std::uint8_t*>(group) + row / 2 * kPanelColumns;
    const auto pair = hn::PromoteTo(di, hn::LoadU(d8, bytes + v * kLanes));
    const FloatVector scale = Scale(group, v);
    const FloatVector offset = hn::Mul(scale, hn::Set(d, -8.0f));
    if (row % 2 == 0) {
      return Fma(hn::ConvertTo(d, hn::And(pair, hn::Set(di, 0x0f))), scale, offset);
    }
    const FloatVector sixteenth = hn::Mul(scale, hn::Set(d, 1.0f / 16));
    return Fma(hn::ConvertTo(d, hn::And(pair, hn::Set(di, 0xf0))), sixteenth, offset);
  }

 private:
  // The same for all rows of a group: the compiler keeps it in a register, since the loop over the
  // rows is unrolled.
  static HWY_INLINE FloatVector Scale(const std::byte* group, std::size_t v) {
    const FloatTag d;
    const hn::RebindToUnsigned<FloatTag> du;
    const hn::Rebind<std::uint16_t, FloatTag> d16;
    const auto* scales = reinterpret_cast<const std::uint16_t*>(group + kInt4WeightBytes);
    const auto bits = hn::PromoteTo(du, hn::LoadU(d16, scales + v * kLanes));
    return hn::BitCast(d, hn::ShiftLeft<16>(bits));
  }
};

}  // namespace HWY_NAMESPACE
}  // namespace cascade::model::kernels
HWY_AFTER_NAMESPACE();
#endif
