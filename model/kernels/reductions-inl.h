// SPDX-License-Identifier: Apache-2.0
// Sums and maxima over the lanes, in an order that does not depend on the vector's size: 16 virtual
// lanes, then one tree.
#include <array>
#include <span>

#include "model/kernels/panel.h"
#include "model/kernels/simd-inl.h"

#if defined(CASCADE_MODEL_KERNELS_REDUCTIONS_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef CASCADE_MODEL_KERNELS_REDUCTIONS_INL_H_
#undef CASCADE_MODEL_KERNELS_REDUCTIONS_INL_H_
#else
#define CASCADE_MODEL_KERNELS_REDUCTIONS_INL_H_
#endif

HWY_BEFORE_NAMESPACE();
namespace cascade::model::kernels {
namespace HWY_NAMESPACE {

// Element i of a row belongs to virtual lane i % 16.
template <typename T>
using VirtualLanes = std::array<T, kPanelColumns>;

// Adds the lanes in a fixed tree: i and i + 8, then i and i + 4, and so on.
template <typename T>
HWY_INLINE T SumOfLanes(VirtualLanes<T> lanes) {
  for (std::size_t half = kPanelColumns / 2; half > 0; half /= 2) {
    for (std::size_t i = 0; i < half; ++i) lanes[i] += lanes[i + half];
  }
  return lanes[0];
}

// The sum of 16 virtual lanes that lie in vectors.
HWY_INLINE float TreeSum(const FloatVector (&sums)[kPanelVectors]) {
  const FloatTag d;
  VirtualLanes<float> lanes;
  for (std::size_t v = 0; v < kPanelVectors; ++v) hn::StoreU(sums[v], d, &lanes[v * kLanes]);
  return SumOfLanes(lanes);
}

// b where it is larger than a or NaN, else a: a NaN wins and stays. Not the instruction for
// maximum, which returns its second operand for a NaN on x86 and the NaN on ARM.
template <class V>
HWY_INLINE V LargerOf(V a, V b) {
  return hn::IfThenElse(hn::Or(hn::Gt(b, a), hn::IsNaN(b)), b, a);
}

HWY_INLINE float LargerOf(float a, float b) { return (b > a || b != b) ? b : a; }

// The largest element, -Inf for none, NaN if there is one.
HWY_INLINE float MaxOf(std::span<const float> x) {
  const FloatTag d;
  VirtualLanes<float> lanes;
  lanes.fill(-HUGE_VALF);
  FloatVector best[kPanelVectors];
  for (FloatVector& v : best) v = hn::Set(d, -HUGE_VALF);
  std::size_t i = 0;
  for (; i + kPanelColumns <= x.size(); i += kPanelColumns) {
    CASCADE_UNROLL
    for (std::size_t v = 0; v < kPanelVectors; ++v) {
      best[v] = LargerOf(best[v], hn::LoadU(d, &x[i + v * kLanes]));
    }
  }
  for (std::size_t v = 0; v < kPanelVectors; ++v) hn::StoreU(best[v], d, &lanes[v * kLanes]);
  for (std::size_t lane = 0; i + lane < x.size(); ++lane) {
    lanes[lane] = LargerOf(lanes[lane], x[i + lane]);
  }
  float max = lanes[0];
  for (const float lane : lanes) max = LargerOf(max, lane);
  return max;
}

}  // namespace HWY_NAMESPACE
}  // namespace cascade::model::kernels
HWY_AFTER_NAMESPACE();
#endif
