// SPDX-License-Identifier: Apache-2.0
// What every kernel shares: the vector types and the fused multiply-add. Included once per SIMD
// target, as Highway's foreach_target.h has it.
#include <cmath>
#include <cstddef>

#include "model/kernels/panel.h"

#if defined(CASCADE_MODEL_KERNELS_SIMD_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef CASCADE_MODEL_KERNELS_SIMD_INL_H_
#undef CASCADE_MODEL_KERNELS_SIMD_INL_H_
#else
#define CASCADE_MODEL_KERNELS_SIMD_INL_H_
#endif

#include "hwy/cache_control.h"
#include "hwy/highway.h"
#include "model/kernels/unroll.h"

// The plain C++ fallback, which Highway calls by one of two names, depending on the compiler.
#undef CASCADE_SCALAR_TARGET
#define CASCADE_SCALAR_TARGET (HWY_TARGET == HWY_SCALAR || HWY_TARGET == HWY_EMU128)

HWY_BEFORE_NAMESPACE();
namespace cascade::model::kernels {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

// As many lanes as the target has, up to one panel: 16, 8, 4, or 1.
using FloatTag = hn::CappedTag<float, kPanelColumns>;
using FloatVector = hn::Vec<FloatTag>;
using SingleTag = hn::CappedTag<float, 1>;

inline constexpr std::size_t kLanes = hn::MaxLanes(FloatTag());
inline constexpr std::size_t kPanelVectors = kPanelColumns / kLanes;

// a * b + c with one rounding in every lane. Highway's own MulAdd rounds twice on the scalar
// target, which would be other bits; std::fma is exact everywhere, if slow where the CPU has no
// instruction for it.
template <class V>
HWY_INLINE V Fma(V a, V b, V c) {
#if CASCADE_SCALAR_TARGET
  const hn::DFromV<V> d;
  constexpr std::size_t kCount = hn::MaxLanes(d);
  HWY_ALIGN float x[kCount];
  HWY_ALIGN float y[kCount];
  HWY_ALIGN float z[kCount];
  hn::Store(a, d, x);
  hn::Store(b, d, y);
  hn::Store(c, d, z);
  for (std::size_t i = 0; i < kCount; ++i) z[i] = std::fma(x[i], y[i], z[i]);
  return hn::Load(d, z);
#else
  return hn::MulAdd(a, b, c);
#endif
}

}  // namespace HWY_NAMESPACE
}  // namespace cascade::model::kernels
HWY_AFTER_NAMESPACE();
#endif
