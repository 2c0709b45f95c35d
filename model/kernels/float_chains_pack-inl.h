// SPDX-License-Identifier: Apache-2.0
// Packs rows of the input in the order in which the tiles read them (BLIS: packing A into
// micro-panels): a tile then broadcasts consecutive floats, and reads one stream instead of one for
// each row.
#include "model/kernels/simd-inl.h"
#include "model/mat_view.h"

#if defined(CASCADE_MODEL_KERNELS_FLOAT_CHAINS_PACK_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef CASCADE_MODEL_KERNELS_FLOAT_CHAINS_PACK_INL_H_
#undef CASCADE_MODEL_KERNELS_FLOAT_CHAINS_PACK_INL_H_
#else
#define CASCADE_MODEL_KERNELS_FLOAT_CHAINS_PACK_INL_H_
#endif

HWY_BEFORE_NAMESPACE();
namespace cascade::model::kernels {
namespace HWY_NAMESPACE {

// Transposes four rows up to a multiple of four columns; column k goes to out + k * stride. Returns
// the columns done.
HWY_INLINE std::size_t TransposeFour(ConstMatF x, float* out, std::size_t stride) {
#if CASCADE_SCALAR_TARGET
  (void)x, (void)out, (void)stride;
  return 0;
#else
  const hn::FixedTag<float, 4> d;
  const std::size_t columns = x.cols() / 4 * 4;
  for (std::size_t k = 0; k < columns; k += 4) {
    const auto a = hn::LoadU(d, x.data() + k);
    const auto b = hn::LoadU(d, x.data() + x.stride() + k);
    const auto c = hn::LoadU(d, x.data() + 2 * x.stride() + k);
    const auto e = hn::LoadU(d, x.data() + 3 * x.stride() + k);
    const auto ac_low = hn::InterleaveLower(d, a, c);
    const auto be_low = hn::InterleaveLower(d, b, e);
    const auto ac_high = hn::InterleaveUpper(d, a, c);
    const auto be_high = hn::InterleaveUpper(d, b, e);
    float* to = out + k * stride;
    hn::StoreU(hn::InterleaveLower(d, ac_low, be_low), d, to);
    hn::StoreU(hn::InterleaveUpper(d, ac_low, be_low), d, to + stride);
    hn::StoreU(hn::InterleaveLower(d, ac_high, be_high), d, to + 2 * stride);
    hn::StoreU(hn::InterleaveUpper(d, ac_high, be_high), d, to + 3 * stride);
  }
  return columns;
#endif
}

// Writes the rows of `x` as one tile, [cols][rows].
inline void PackTile(ConstMatF x, float* out) {
  const std::size_t quads = x.rows() / 4 * 4;
  for (std::size_t r = 0; r < x.rows();) {
    const std::size_t rows = r < quads ? 4 : 1;
    std::size_t k = rows == 4 ? TransposeFour(x.Rows(r, 4), out + r, x.rows()) : 0;
    for (; k < x.cols(); ++k) {
      for (std::size_t i = r; i < r + rows; ++i) {
        out[k * x.rows() + i] = x.data()[i * x.stride() + k];
      }
    }
    r += rows;
  }
}

}  // namespace HWY_NAMESPACE
}  // namespace cascade::model::kernels
HWY_AFTER_NAMESPACE();
#endif
