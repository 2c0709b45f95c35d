// SPDX-License-Identifier: Apache-2.0
// The element-wise functions on one vector of any size. Every operation is written and correctly
// rounded, selects are on comparisons (the instructions for minimum and maximum differ in NaN), so
// all targets agree to the bit.
#include "model/kernels/activations.h"
#include "model/kernels/simd-inl.h"

#if defined(CASCADE_MODEL_KERNELS_ACTIVATIONS_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef CASCADE_MODEL_KERNELS_ACTIVATIONS_INL_H_
#undef CASCADE_MODEL_KERNELS_ACTIVATIONS_INL_H_
#else
#define CASCADE_MODEL_KERNELS_ACTIVATIONS_INL_H_
#endif

HWY_BEFORE_NAMESPACE();
namespace cascade::model::kernels {
namespace HWY_NAMESPACE {

template <class V>
HWY_INLINE V Constant(float value) {
  return hn::Set(hn::DFromV<V>(), value);
}

// coefficients[0] + coefficients[1] x + coefficients[2] x^2 + ...
template <class V, std::size_t kCount>
HWY_INLINE V Polynomial(V x, const float (&coefficients)[kCount]) {
  V sum = Constant<V>(coefficients[kCount - 1]);
  CASCADE_UNROLL
  for (std::size_t i = kCount - 1; i > 0; --i) sum = Fma(sum, x, Constant<V>(coefficients[i - 1]));
  return sum;
}

// exp(x) for x from -87.3365402 to 88.7228394; for other x the result has no meaning.
//
// x = n ln 2 + r with |r| <= ln(2) / 2, and exp(r) = 1 + r + r^2 q(r) with q the minimax polynomial
// for relative error (3.1e-9). n comes from an addition that pushes the fraction out of the float:
// its low bits are n, which go straight into the exponent.
//
// Max error: 1.1 ULP (measured 1.01).  ActivationsTest.ExpStaysWithinItsStatedError
template <class V>
HWY_INLINE V ExpInRange(V x) {
  const hn::DFromV<V> d;
  const hn::RebindToSigned<decltype(d)> di;
  constexpr float kQ[] = {0.499999935f, 0.166665207f, 0.0416683875f, 0.00836871114f,
                          0.00138146096f};
  const V shift = Constant<V>(0x1.8p23f);
  const V shifted = Fma(x, Constant<V>(1.44269504f), shift);
  const V n = hn::Sub(shifted, shift);
  V r = Fma(n, Constant<V>(-0.693147182f), x);  // ln 2 to 24 bits; exact, so is the next product
  r = Fma(n, Constant<V>(1.90465421e-9f), r);   // the rest of ln 2
  const V p = Fma(hn::Mul(r, r), Polynomial(r, kQ), r);
  const V mantissa = hn::Add(p, Constant<V>(1.0f));
  const auto exponent = hn::ShiftLeft<23>(hn::BitCast(di, shifted));
  return hn::BitCast(d, hn::Add(hn::BitCast(di, mantissa), exponent));
}

// exp(x) for x <= 88.7228394. Results below 2^-126 become zero.
template <class V>
HWY_INLINE V ExpBelowOverflow(V x) {
  return hn::IfThenElse(hn::Lt(x, Constant<V>(-87.3365402f)), Constant<V>(0.0f), ExpInRange(x));
}

// exp(x).
template <class V>
HWY_INLINE V ExpOf(V x) {
  V y = ExpBelowOverflow(x);
  y = hn::IfThenElse(hn::Gt(x, Constant<V>(88.7228394f)), Constant<V>(HUGE_VALF), y);
  return hn::IfThenElse(hn::IsNaN(x), x, y);
}

// x / (1 + exp(-2u)) with u = sqrt(2/pi) (x + 0.044715 x^3), which equals 0.5 x (1 + tanh(u))
// without its cancellation for negative x.
//
// Max error: 1.3e-7 |x|.  ActivationsTest.ActivationsStayWithinTheirStatedErrors
template <class V>
HWY_INLINE V GeluNewOf(V x) {
  const V lowest = Constant<V>(-32.0f);  // the result there is -0 already; -Inf / Inf would be NaN
  x = hn::IfThenElse(hn::Lt(x, lowest), lowest, x);
  const V square = hn::Mul(x, x);
  const V slope = Fma(square, Constant<V>(-0.0713548163f), Constant<V>(-1.59576912f));
  const V exponential = ExpOf(hn::Mul(x, slope));
  return hn::Div(x, hn::Add(exponential, Constant<V>(1.0f)));
}

// max(x, 0) - h(|x|) with h(t) = 0.5 t erfc(t / sqrt(2)): no cancellation on either side.
//
// log erfc(t / sqrt(2)) = t q(t), q fitted on [0, 8] so that the error of h is least (1.6e-10);
// beyond 8, q keeps falling and h is zero.
//
// Max error: 1.0e-7 |x|.  ActivationsTest.ActivationsStayWithinTheirStatedErrors
template <class V>
HWY_INLINE V GeluOf(V x) {
  constexpr float kQ[] = {-0.797884657f,   -0.318309004f,    -0.0363383184f,  0.00478495679f,
                          3.93842221e-05f, -0.000221924418f, 6.45119786e-05f, -1.03084911e-05f,
                          9.33692746e-07f, -3.74253199e-08f};
  const V zero = Constant<V>(0.0f);
  const V highest = Constant<V>(32.0f);
  const V magnitude = hn::Abs(x);
  const V t = hn::IfThenElse(hn::Gt(magnitude, highest), highest, magnitude);
  const V erfc = ExpOf(hn::Mul(t, Polynomial(t, kQ)));
  const V h = hn::Mul(hn::Mul(t, Constant<V>(0.5f)), erfc);
  return hn::Sub(hn::IfThenElse(hn::Lt(x, zero), zero, x), h);
}

// x / (1 + exp(slope x)), for a slope of -1 or a little below.
//
// Max error: 1.3e-7 |x|.  ActivationsTest.ActivationsStayWithinTheirStatedErrors
template <class V>
HWY_INLINE V TimesSigmoidOf(V x, float slope) {
  const V lowest = Constant<V>(-128.0f);  // the result there is -0 already; -Inf / Inf would be NaN
  x = hn::IfThenElse(hn::Lt(x, lowest), lowest, x);
  const V exponential = ExpOf(hn::Mul(x, Constant<V>(slope)));
  return hn::Div(x, hn::Add(exponential, Constant<V>(1.0f)));
}

// x n / (n + 2) with n = e (e + 2) and e = exp(x), which equals x tanh(log(1 + e)) without a
// logarithm, and without cancellation on either side.
//
// Max error: 2.0e-7 |x|.  ActivationsTest.ActivationsStayWithinTheirStatedErrors
template <class V>
HWY_INLINE V MishOf(V x) {
  const V lowest = Constant<V>(-128.0f);  // the result there is -0 already; -Inf 0 would be NaN
  const V highest = Constant<V>(32.0f);   // n / (n + 2) is 1 there already, and n does not overflow
  x = hn::IfThenElse(hn::Lt(x, lowest), lowest, x);
  const V e = ExpOf(hn::IfThenElse(hn::Gt(x, highest), highest, x));
  const V n = hn::Mul(e, hn::Add(e, Constant<V>(2.0f)));
  return hn::Mul(x, hn::Div(n, hn::Add(n, Constant<V>(2.0f))));
}

template <class V>
HWY_INLINE V ReluOf(V x) {
  const V zero = Constant<V>(0.0f);
  return hn::IfThenElse(hn::Lt(x, zero), zero, x);
}

template <Activation kActivation, class V>
HWY_INLINE V ActivationOf(V x) {
  if constexpr (kActivation == Activation::kGeluNew) return GeluNewOf(x);
  if constexpr (kActivation == Activation::kGelu) return GeluOf(x);
  if constexpr (kActivation == Activation::kRelu) return ReluOf(x);
  if constexpr (kActivation == Activation::kSilu) return TimesSigmoidOf(x, -1.0f);
  if constexpr (kActivation == Activation::kQuickGelu) return TimesSigmoidOf(x, -1.702f);
  if constexpr (kActivation == Activation::kMish) return MishOf(x);
  return x;
}

}  // namespace HWY_NAMESPACE
}  // namespace cascade::model::kernels
HWY_AFTER_NAMESPACE();
#endif
