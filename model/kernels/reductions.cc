// SPDX-License-Identifier: Apache-2.0

#include "model/kernels/reductions.h"

#include <algorithm>
#include <bit>
#include <cassert>
#include <cmath>
#include <cstdint>

#include "model/kernels/highway_config.h"
#include "model/kernels/logarithm.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "model/kernels/reductions.cc"
#include "hwy/foreach_target.h"
#include "hwy/highway.h"
#include "model/kernels/activations-inl.h"
#include "model/kernels/panel.h"
#include "model/kernels/reductions-inl.h"

HWY_BEFORE_NAMESPACE();
namespace cascade::model::kernels {
namespace HWY_NAMESPACE {

// 16 consecutive elements of a row, one for each virtual lane; fewer at the end of the row, where
// the elements that do not exist are zero.
struct Slice {
  HWY_INLINE explicit Slice(std::span<const float> x) {
    const FloatTag d;
    if (x.size() >= kPanelColumns) {
      CASCADE_UNROLL
      for (std::size_t v = 0; v < kPanelVectors; ++v) values[v] = hn::LoadU(d, &x[v * kLanes]);
      return;
    }
    HWY_ALIGN float padded[kPanelColumns] = {};
    std::copy(x.begin(), x.end(), padded);
    for (std::size_t v = 0; v < kPanelVectors; ++v) values[v] = hn::Load(d, padded + v * kLanes);
  }

  HWY_INLINE void CopyTo(std::span<float> out) const {
    const FloatTag d;
    if (out.size() >= kPanelColumns) {
      CASCADE_UNROLL
      for (std::size_t v = 0; v < kPanelVectors; ++v) hn::StoreU(values[v], d, &out[v * kLanes]);
      return;
    }
    HWY_ALIGN float padded[kPanelColumns];
    for (std::size_t v = 0; v < kPanelVectors; ++v) hn::Store(values[v], d, padded + v * kLanes);
    std::copy(padded, padded + out.size(), out.begin());
  }

  FloatVector values[kPanelVectors];
};

// What is left of `x` from element i on, at most one slice.
template <typename T>
HWY_INLINE std::span<T> SliceAt(std::span<T> x, std::size_t i) {
  return x.subspan(i, std::min(kPanelColumns, x.size() - i));
}

// Adding the zeros of the last slice changes no sum.
HWY_INLINE float SumOf(std::span<const float> x) {
  const FloatTag d;
  FloatVector sums[kPanelVectors];
  for (FloatVector& sum : sums) sum = hn::Zero(d);
  for (std::size_t i = 0; i < x.size(); i += kPanelColumns) {
    const Slice slice(SliceAt(x, i));
    CASCADE_UNROLL
    for (std::size_t v = 0; v < kPanelVectors; ++v) sums[v] = hn::Add(sums[v], slice.values[v]);
  }
  return TreeSum(sums);
}

// sum_i (x[i] - mean)^2
HWY_INLINE float SquaredDeviations(std::span<const float> x, float mean) {
  const FloatTag d;
  const FloatVector center = hn::Set(d, mean);
  FloatVector sums[kPanelVectors];
  for (FloatVector& sum : sums) sum = hn::Zero(d);
  std::size_t i = 0;
  for (; i + kPanelColumns <= x.size(); i += kPanelColumns) {
    CASCADE_UNROLL
    for (std::size_t v = 0; v < kPanelVectors; ++v) {
      const FloatVector deviation = hn::Sub(hn::LoadU(d, &x[i + v * kLanes]), center);
      sums[v] = Fma(deviation, deviation, sums[v]);
    }
  }
  VirtualLanes<float> lanes;
  for (std::size_t v = 0; v < kPanelVectors; ++v) hn::StoreU(sums[v], d, &lanes[v * kLanes]);
  for (std::size_t lane = 0; i + lane < x.size(); ++lane) {
    const float deviation = x[i + lane] - mean;
    lanes[lane] = std::fma(deviation, deviation, lanes[lane]);
  }
  return SumOfLanes(lanes);
}

void Normalize(std::span<const float> x, std::span<const float> gamma, std::span<const float> beta,
               float eps, std::span<float> out) {
  const FloatTag d;
  const float count = static_cast<float>(x.size());
  const float mean = SumOf(x) / count;
  const float variance = SquaredDeviations(x, mean) / count;
  const FloatVector center = hn::Set(d, mean);
  const FloatVector scale = hn::Set(d, 1.0f / std::sqrt(variance + eps));
  for (std::size_t i = 0; i < x.size(); i += kPanelColumns) {
    Slice slice(SliceAt(x, i));
    const Slice factor(SliceAt(gamma, i));
    const Slice offset(SliceAt(beta, i));
    CASCADE_UNROLL
    for (std::size_t v = 0; v < kPanelVectors; ++v) {
      const FloatVector normal = hn::Mul(hn::Sub(slice.values[v], center), scale);
      slice.values[v] = Fma(normal, factor.values[v], offset.values[v]);
    }
    slice.CopyTo(SliceAt(out, i));
  }
}

// exp((x - max) / temperature) of one slice.
HWY_INLINE void ExpBelowMax(float max, float temperature, Slice& slice) {
  const FloatTag d;
  CASCADE_UNROLL
  for (FloatVector& v : slice.values) {
    v = ExpOf(hn::Div(hn::Sub(v, hn::Set(d, max)), hn::Set(d, temperature)));
  }
}

// Adds the first `count` elements of a slice, each to its lane. In double: a vocabulary's worth of
// float additions would cost more digits than log-probabilities can spare.
HWY_INLINE void AddTo(VirtualLanes<double>& lanes, const Slice& slice, std::size_t count) {
  VirtualLanes<float> values;
  slice.CopyTo(values);
  for (std::size_t lane = 0; lane < count; ++lane) lanes[lane] += static_cast<double>(values[lane]);
}

float MaxElement(std::span<const float> x) { return MaxOf(x); }

void SoftmaxRow(std::span<const float> x, float temperature, std::span<float> out) {
  const FloatTag d;
  const float max = MaxOf(x);
  VirtualLanes<double> lanes = {};
  for (std::size_t i = 0; i < x.size(); i += kPanelColumns) {
    Slice slice(SliceAt(x, i));
    ExpBelowMax(max, temperature, slice);
    const std::span<float> place = SliceAt(out, i);
    AddTo(lanes, slice, place.size());
    slice.CopyTo(place);
  }
  const FloatVector scale = hn::Set(d, static_cast<float>(1.0 / SumOfLanes(lanes)));
  for (std::size_t i = 0; i < out.size(); i += kPanelColumns) {
    const std::span<float> place = SliceAt(out, i);
    Slice slice(place);
    for (FloatVector& v : slice.values) v = hn::Mul(v, scale);
    slice.CopyTo(place);
  }
}

double SumOfExp(std::span<const float> x, float max) {
  VirtualLanes<double> lanes = {};
  for (std::size_t i = 0; i < x.size(); i += kPanelColumns) {
    const std::span<const float> place = SliceAt(x, i);
    Slice slice(place);
    ExpBelowMax(max, 1.0f, slice);
    AddTo(lanes, slice, place.size());
  }
  return SumOfLanes(lanes);
}

}  // namespace HWY_NAMESPACE
}  // namespace cascade::model::kernels
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace cascade::model::kernels {

HWY_EXPORT(Normalize);
HWY_EXPORT(MaxElement);
HWY_EXPORT(SoftmaxRow);
HWY_EXPORT(SumOfExp);

void NormalizeRow(std::span<const float> x, std::span<const float> gamma,
                  std::span<const float> beta, float eps, std::span<float> out) {
  assert(!x.empty() && gamma.size() == x.size() && beta.size() == x.size() &&
         out.size() == x.size());
  HWY_DYNAMIC_DISPATCH(Normalize)(x, gamma, beta, eps, out);
}

float Max(std::span<const float> x) { return HWY_DYNAMIC_DISPATCH(MaxElement)(x); }

void Softmax(std::span<const float> x, float temperature, std::span<float> out) {
  assert(!x.empty() && out.size() == x.size() && temperature > 0);
  HWY_DYNAMIC_DISPATCH(SoftmaxRow)(x, temperature, out);
}

double LogSumExp(std::span<const float> x) {
  const float max = Max(x);
  if (!std::isfinite(max)) return static_cast<double>(max);  // -Inf: all are; +Inf and NaN win
  return static_cast<double>(max) + Log(HWY_DYNAMIC_DISPATCH(SumOfExp)(x, max));
}

bool AllFinite(std::span<const float> x) {
  constexpr std::uint32_t kExponent = 0x7f800000u;  // all ones for Inf and NaN alone
  std::uint32_t special = 0;                        // no early return: the loop vectorizes
  for (const float v : x) {
    special |= (std::bit_cast<std::uint32_t>(v) & kExponent) == kExponent ? 1u : 0u;
  }
  return special == 0;
}

}  // namespace cascade::model::kernels
#endif  // HWY_ONCE
