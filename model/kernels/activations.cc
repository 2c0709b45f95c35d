// SPDX-License-Identifier: Apache-2.0

#include "model/kernels/activations.h"

#include "model/kernels/highway_config.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "model/kernels/activations.cc"
#include "hwy/foreach_target.h"
#include "hwy/highway.h"
#include "model/kernels/activations-inl.h"

HWY_BEFORE_NAMESPACE();
namespace cascade::model::kernels {
namespace HWY_NAMESPACE {

struct ExpFunction {
  template <class V>
  HWY_INLINE V operator()(V x) const {
    return ExpOf(x);
  }
};

template <Activation kActivation>
struct ActivationFunction {
  template <class V>
  HWY_INLINE V operator()(V x) const {
    return ActivationOf<kActivation>(x);
  }
};

// Whole vectors, then the rest one by one: the same operations, so the same bits.
template <class Function>
void Transform(std::span<float> x, Function function) {
  const FloatTag d;
  const SingleTag one;
  std::size_t i = 0;
  for (; i + kLanes <= x.size(); i += kLanes) {
    hn::StoreU(function(hn::LoadU(d, &x[i])), d, &x[i]);
  }
  for (; i < x.size(); ++i) hn::StoreU(function(hn::LoadU(one, &x[i])), one, &x[i]);
}

void ExpAll(std::span<float> x) { Transform(x, ExpFunction()); }

void ActivateAll(Activation activation, std::span<float> x) {
  switch (activation) {
    case Activation::kNone:
      return;
    case Activation::kGeluNew:
      return Transform(x, ActivationFunction<Activation::kGeluNew>());
    case Activation::kGelu:
      return Transform(x, ActivationFunction<Activation::kGelu>());
    case Activation::kRelu:
      return Transform(x, ActivationFunction<Activation::kRelu>());
    case Activation::kSilu:
      return Transform(x, ActivationFunction<Activation::kSilu>());
    case Activation::kQuickGelu:
      return Transform(x, ActivationFunction<Activation::kQuickGelu>());
    case Activation::kMish:
      return Transform(x, ActivationFunction<Activation::kMish>());
  }
}

}  // namespace HWY_NAMESPACE
}  // namespace cascade::model::kernels
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace cascade::model::kernels {

HWY_EXPORT(ExpAll);
HWY_EXPORT(ActivateAll);

void Exp(std::span<float> x) { HWY_DYNAMIC_DISPATCH(ExpAll)(x); }

void Activate(Activation activation, std::span<float> x) {
  HWY_DYNAMIC_DISPATCH(ActivateAll)(activation, x);
}

}  // namespace cascade::model::kernels
#endif  // HWY_ONCE
