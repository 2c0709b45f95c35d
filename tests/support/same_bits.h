// SPDX-License-Identifier: Apache-2.0
// Comparison to the last bit: zeros of different signs differ.
#pragma once

#include <bit>
#include <cmath>
#include <cstdint>
#include <span>

#include "gtest/gtest.h"
#include "model/mat_view.h"

namespace cascade::testing {

inline bool SameBits(float a, float b) {
  return std::bit_cast<std::uint32_t>(a) == std::bit_cast<std::uint32_t>(b);
}

// Any NaN is as good as another: which of several operands' NaNs an instruction passes on differs
// from CPU to CPU.
inline bool SameBitsOrNaN(float a, float b) {
  return SameBits(a, b) || (std::isnan(a) && std::isnan(b));
}

// Succeeds if sizes (or shapes) and all bits are the same; names the first element that differs.
::testing::AssertionResult SameBits(std::span<const float> actual, std::span<const float> expected);
::testing::AssertionResult SameBits(model::ConstMatF actual, model::ConstMatF expected);
::testing::AssertionResult SameBitsOrNaN(std::span<const float> actual,
                                         std::span<const float> expected);

}  // namespace cascade::testing
