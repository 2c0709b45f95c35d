// SPDX-License-Identifier: Apache-2.0
// Element-wise functions, each our own polynomial in written-out fused multiply-adds, so that every
// SIMD target gives the same bits. No libm.
#pragma once

#include <cstdint>
#include <span>

namespace cascade::model::kernels {

// A further function goes to the end: a model's fingerprint covers the number.
enum class Activation : std::uint8_t { kNone, kGeluNew, kGelu, kRelu, kSilu, kQuickGelu, kMish };

// x[i] = activation(x[i]) in place, for any length.
//
//   kGeluNew   : 0.5 x (1 + tanh(sqrt(2/pi) (x + 0.044715 x^3))) Hugging Face NewGELUActivation
//   kGelu      : 0.5 x (1 + erf(x / sqrt(2)))                    torch.nn.functional.gelu
//   kRelu      : max(x, 0)                                       torch.nn.functional.relu
//   kSilu      : x / (1 + exp(-x))                               torch.nn.functional.silu
//   kQuickGelu : x / (1 + exp(-1.702 x))                         Hugging Face QuickGELUActivation
//   kMish      : x tanh(log(1 + exp(x)))                         torch.nn.functional.mish
//   kNone      : x
//
//   Max error: stated with each polynomial in activations-inl.h.  ActivationsTest
//   NaN stays NaN; +-Inf give the function's limits.
void Activate(Activation activation, std::span<float> x);

// x[i] = exp(x[i]) in place, for any length. exp(-Inf) = 0; overflow gives +Inf; results below the
// smallest normal float may be flushed to zero.
void Exp(std::span<float> x);

}  // namespace cascade::model::kernels
