// How the kernels read a block of keys or values of each type.
//
// A reader has kRows, the consecutive rows that lie in one piece, PieceBytes(columns), its size,
// and Load(d, piece, row, column): the lanes of `d` from `column` on, in row `row` of the piece,
// widened exactly.
#include "model/kernels/simd-inl.h"

#if defined(CASCADE_MODEL_KERNELS_KV_BLOCK_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef CASCADE_MODEL_KERNELS_KV_BLOCK_INL_H_
#undef CASCADE_MODEL_KERNELS_KV_BLOCK_INL_H_
#else
#define CASCADE_MODEL_KERNELS_KV_BLOCK_INL_H_
#endif

#include "model/kernels/float_bits.h"
#include "model/kernels/kv_block.h"
#include "model/kernels/panel.h"

HWY_BEFORE_NAMESPACE();
namespace cascade::model::kernels {
namespace HWY_NAMESPACE {

static_assert(kBlockPositions == kPanelColumns, "a block of positions is a panel of lanes");

struct F32Reader {
  static constexpr std::size_t kRows = 1;
  static constexpr std::size_t PieceBytes(std::size_t columns) { return columns * sizeof(float); }

  template <class Tag>
  static HWY_INLINE hn::Vec<Tag> Load(Tag d, const std::byte* piece, std::size_t /*row*/,
                                      std::size_t column) {
    return hn::LoadU(d, reinterpret_cast<const float*>(piece) + column);
  }
};

struct Bf16Reader {
  static constexpr std::size_t kRows = 2;
  static constexpr std::size_t PieceBytes(std::size_t columns) {
    return columns * sizeof(std::uint32_t);
  }

  template <class Tag>
  static HWY_INLINE hn::Vec<Tag> Load(Tag d, const std::byte* piece, std::size_t row,
                                      std::size_t column) {
    const hn::RebindToUnsigned<Tag> du;
    const auto words = hn::LoadU(du, reinterpret_cast<const std::uint32_t*>(piece) + column);
    if (row == 0) return hn::BitCast(d, hn::ShiftLeft<16>(words));
    return hn::BitCast(d, hn::And(words, hn::Set(du, 0xffff0000u)));
  }
};

struct F16Reader {
  static constexpr std::size_t kRows = 1;
  static constexpr std::size_t PieceBytes(std::size_t columns) {
    return columns * sizeof(std::uint16_t);
  }

  template <class Tag>
  static HWY_INLINE hn::Vec<Tag> Load(Tag d, const std::byte* piece, std::size_t /*row*/,
                                      std::size_t column) {
#if CASCADE_SCALAR_TARGET  // whose own widening does not know infinities
    const auto* halves = reinterpret_cast<const std::uint16_t*>(piece) + column;
    constexpr std::size_t kCount = hn::MaxLanes(d);
    HWY_ALIGN float lanes[kCount];
    for (std::size_t i = 0; i < kCount; ++i) lanes[i] = FloatFromF16(halves[i]);
    return hn::Load(d, lanes);
#else
    const hn::Rebind<hwy::float16_t, Tag> dh;
    const auto* halves = reinterpret_cast<const hwy::float16_t*>(piece) + column;
    return hn::PromoteTo(d, hn::LoadU(dh, halves));
#endif
  }
};

}  // namespace HWY_NAMESPACE
}  // namespace cascade::model::kernels
HWY_AFTER_NAMESPACE();
#endif
