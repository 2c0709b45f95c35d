// SPDX-License-Identifier: Apache-2.0
// Sums over a row, where lanes must meet: 16 fixed virtual lanes by absolute index (element i goes
// to lane i % 16, ascending), then one fixed tree. The same bits on every SIMD target.
#pragma once

#include <span>

namespace cascade::model::kernels {

// out[c] = (x[c] - mean) / sqrt(variance + eps) * gamma[c] + beta[c], the variance biased (divided
// by the length). Two passes for the moments: E[x^2] - mean^2 would subtract two nearly equal
// numbers. All spans have one length, at least 1; `out` may be exactly `x`.
// Reference: torch.nn.functional.layer_norm on one row.
void NormalizeRow(std::span<const float> x, std::span<const float> gamma,
                  std::span<const float> beta, float eps, std::span<float> out);

// The largest element; -Inf for none. A NaN anywhere gives NaN.
float Max(std::span<const float> x);

// out[i] = exp((x[i] - max x) / temperature) / sum. `out` may be exactly `x`. temperature > 0.
// Length at least 1. A NaN anywhere makes every output NaN.
// Reference: torch.softmax(x / temperature).
void Softmax(std::span<const float> x, float temperature, std::span<float> out);

// log(sum_i exp(x[i])), shifted by the maximum so that it cannot overflow. Our own logarithm; the
// result is a double because it is subtracted from logits to give log-probabilities.
// Reference: torch.logsumexp.  Max error: 1e-6 absolute beside double arithmetic.
double LogSumExp(std::span<const float> x);

// True if every element is finite.
bool AllFinite(std::span<const float> x);

}  // namespace cascade::model::kernels
