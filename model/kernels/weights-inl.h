// How the kernels read a panel of each weight type.
//
// A reader has kRows, the consecutive rows of a panel that lie in one piece of kBytes, and
// Load(piece, row, v): row `row` of the piece, columns from v * kLanes on, widened exactly.
#include "model/kernels/simd-inl.h"

#if defined(CASCADE_MODEL_KERNELS_WEIGHTS_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef CASCADE_MODEL_KERNELS_WEIGHTS_INL_H_
#undef CASCADE_MODEL_KERNELS_WEIGHTS_INL_H_
#else
#define CASCADE_MODEL_KERNELS_WEIGHTS_INL_H_
#endif

#include "model/kernels/float_bits.h"
#include "model/kernels/int4_panels.h"
#include "model/kernels/panel.h"

HWY_BEFORE_NAMESPACE();
namespace cascade::model::kernels {
namespace HWY_NAMESPACE {

struct F32Panel {
  static constexpr std::size_t kRows = 1;
  static constexpr std::size_t kBytes = kPanelColumns * sizeof(float);

  static HWY_INLINE FloatVector Load(const std::byte* piece, std::size_t /*row*/, std::size_t v) {
    return hn::Load(FloatTag(), reinterpret_cast<const float*>(piece) + v * kLanes);
  }
};

// Two rows share 32-bit words, the even one below: widening is one shift, or one mask.
struct Bf16Panel {
  static constexpr std::size_t kRows = 2;
  static constexpr std::size_t kBytes = kPanelColumns * sizeof(std::uint32_t);

  static HWY_INLINE FloatVector Load(const std::byte* piece, std::size_t row, std::size_t v) {
    const FloatTag d;
    const hn::RebindToUnsigned<FloatTag> du;
    const auto words = hn::Load(du, reinterpret_cast<const std::uint32_t*>(piece) + v * kLanes);
    if (row == 0) return hn::BitCast(d, hn::ShiftLeft<16>(words));
    return hn::BitCast(d, hn::And(words, hn::Set(du, 0xffff0000u)));
  }
};

struct F16Panel {
  static constexpr std::size_t kRows = 1;
  static constexpr std::size_t kBytes = kPanelColumns * sizeof(std::uint16_t);

  static HWY_INLINE FloatVector Load(const std::byte* piece, std::size_t /*row*/, std::size_t v) {
    const FloatTag d;
#if CASCADE_SCALAR_TARGET  // whose own widening does not know infinities
    const auto* halves = reinterpret_cast<const std::uint16_t*>(piece) + v * kLanes;
    HWY_ALIGN float lanes[kLanes];
    for (std::size_t i = 0; i < kLanes; ++i) lanes[i] = FloatFromF16(halves[i]);
    return hn::Load(d, lanes);
#else
    const hn::Rebind<hwy::float16_t, FloatTag> dh;
    const auto* halves = reinterpret_cast<const hwy::float16_t*>(piece) + v * kLanes;
    return hn::PromoteTo(d, hn::Load(dh, halves));
#endif
  }
};

// Whole numbers; their column's scale comes at the end of the chain.
struct Int8Panel {
  static constexpr std::size_t kRows = 4;
  static constexpr std::size_t kBytes = kRows * kPanelColumns;

  static HWY_INLINE FloatVector Load(const std::byte* piece, std::size_t row, std::size_t v) {
    const FloatTag d;
    const hn::RebindToSigned<FloatTag> di;
    const hn::Rebind<std::int8_t, FloatTag> d8;
    const auto* bytes = reinterpret_cast<const std::int8_t*>(piece) + row * kPanelColumns;
    return hn::ConvertTo(d, hn::PromoteTo(di, hn::LoadU(d8, bytes + v * kLanes)));
  }
};

// q + 8, two rows in a byte, the even one below: (q + 8) * scale - 8 * scale, whose terms are
// exact, rounds once to q * scale.
struct Int4Panel {
  static constexpr std::size_t kRows = kInt4GroupRows;
  static constexpr std::size_t kBytes = kInt4GroupBytes;

  static HWY_INLINE FloatVector Load(const std::byte* piece, std::size_t row, std::size_t v) {
    const FloatTag d;
    const hn::RebindToSigned<FloatTag> di;
    const hn::Rebind<std::uint8_t, FloatTag> d8;
    const auto* bytes = reinterpret_cast<const std::uint8_t*>(piece) + row / 2 * kPanelColumns;
    const auto pair = hn::PromoteTo(di, hn::LoadU(d8, bytes + v * kLanes));
    const FloatVector scale = Scale(piece, v);
    const FloatVector offset = hn::Mul(scale, hn::Set(d, -8.0f));
    if (row % 2 == 0) {
      return Fma(hn::ConvertTo(d, hn::And(pair, hn::Set(di, 0x0f))), scale, offset);
    }
    const FloatVector sixteenth = hn::Mul(scale, hn::Set(d, 1.0f / 16));
    return Fma(hn::ConvertTo(d, hn::And(pair, hn::Set(di, 0xf0))), sixteenth, offset);
  }

 private:
  static HWY_INLINE FloatVector Scale(const std::byte* piece, std::size_t v) {
    const FloatTag d;
    const hn::RebindToUnsigned<FloatTag> du;
    const hn::Rebind<std::uint16_t, FloatTag> d16;
    const auto* scales = reinterpret_cast<const std::uint16_t*>(piece + kInt4WeightBytes);
    const auto bits = hn::PromoteTo(du, hn::LoadU(d16, scales + v * kLanes));
    return hn::BitCast(d, hn::ShiftLeft<16>(bits));
  }
};

}  // namespace HWY_NAMESPACE
}  // namespace cascade::model::kernels
HWY_AFTER_NAMESPACE();
#endif
