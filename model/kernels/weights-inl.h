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

}  // namespace HWY_NAMESPACE
}  // namespace cascade::model::kernels
HWY_AFTER_NAMESPACE();
#endif
