// Comparison to the last bit: zeros of different signs differ, and a NaN equals itself.
#pragma once

#include <bit>
#include <cstdint>
#include <span>

#include "gtest/gtest.h"
#include "model/mat_view.h"

namespace cascade::testing {

inline bool SameBits(float a, float b) {
  return std::bit_cast<std::uint32_t>(a) == std::bit_cast<std::uint32_t>(b);
}

// Succeeds if sizes (or shapes) and all bits are the same; names the first element that differs.
::testing::AssertionResult SameBits(std::span<const float> actual, std::span<const float> expected);
::testing::AssertionResult SameBits(model::ConstMatF actual, model::ConstMatF expected);

}  // namespace cascade::testing
