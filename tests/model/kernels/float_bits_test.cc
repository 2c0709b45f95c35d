// SPDX-License-Identifier: Apache-2.0

#include "model/kernels/float_bits.h"

#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>

#include "gtest/gtest.h"

namespace cascade::model::kernels {
namespace {

constexpr float kInf = std::numeric_limits<float>::infinity();

TEST(FloatBitsTest, EveryBf16SurvivesTheRoundTrip) {
  for (std::uint32_t bits = 0; bits <= 0xffff; ++bits) {
    const float value = FloatFromBf16(static_cast<std::uint16_t>(bits));
    if (std::isnan(value)) {
      ASSERT_TRUE(std::isnan(FloatFromBf16(Bf16FromFloat(value))));
    } else {
      ASSERT_EQ(Bf16FromFloat(value), bits);
    }
  }
}

TEST(FloatBitsTest, EveryF16HasItsValueAndSurvivesTheRoundTrip) {
  for (std::uint32_t bits = 0; bits <= 0xffff; ++bits) {
    const float value = FloatFromF16(static_cast<std::uint16_t>(bits));
    const int exponent = static_cast<int>(bits >> 10 & 31);
    const int fraction = static_cast<int>(bits & 1023);
    if (exponent == 31 && fraction != 0) {
      ASSERT_TRUE(std::isnan(value) && std::isnan(FloatFromF16(F16FromFloat(value))));
      continue;
    }
    float magnitude = std::ldexp(static_cast<float>(1024 + fraction), exponent - 25);
    if (exponent == 0) magnitude = std::ldexp(static_cast<float>(fraction), -24);
    if (exponent == 31) magnitude = kInf;
    ASSERT_EQ(value, (bits & 0x8000) != 0 ? -magnitude : magnitude);
    ASSERT_EQ(F16FromFloat(value), bits);
  }
}

// Between two neighbors of the narrow format: below the middle down, above it up, in the middle to
// the even one.
template <typename Widen, typename Narrow>
void ExpectRoundingToNearestEven(std::uint16_t last_finite, const Widen& widen,
                                 const Narrow& narrow) {
  for (std::uint32_t low = 0; low < last_finite; ++low) {
    const auto bits = static_cast<std::uint16_t>(low);
    const auto above = static_cast<std::uint16_t>(low + 1);
    const float middle = static_cast<float>(
        (static_cast<double>(widen(bits)) + static_cast<double>(widen(above))) / 2);
    ASSERT_EQ(narrow(std::nextafter(middle, 0.0f)), bits);
    ASSERT_EQ(narrow(middle), low % 2 == 0 ? bits : above);
    ASSERT_EQ(narrow(std::nextafter(middle, kInf)), above);
    ASSERT_EQ(narrow(-middle), narrow(middle) | 0x8000);
  }
}

TEST(FloatBitsTest, Bf16RoundsToNearestEven) {
  ExpectRoundingToNearestEven(0x7f7f, FloatFromBf16, Bf16FromFloat);
  EXPECT_EQ(Bf16FromFloat(std::numeric_limits<float>::max()), 0x7f80);
  EXPECT_EQ(Bf16FromFloat(-kInf), 0xff80);
  EXPECT_TRUE(std::isnan(FloatFromBf16(Bf16FromFloat(std::bit_cast<float>(0x7f800001u)))));
}

TEST(FloatBitsTest, F16RoundsToNearestEvenAndOverflowsToInfinity) {
  ExpectRoundingToNearestEven(0x7bff, FloatFromF16, F16FromFloat);
  EXPECT_EQ(F16FromFloat(std::nextafter(65520.0f, 0.0f)), 0x7bff);
  EXPECT_EQ(F16FromFloat(65520.0f), 0x7c00);
  EXPECT_EQ(F16FromFloat(-1e30f), 0xfc00);
  EXPECT_EQ(F16FromFloat(kInf), 0x7c00);
  EXPECT_TRUE(std::isnan(FloatFromF16(F16FromFloat(std::bit_cast<float>(0xff800001u)))));
}

TEST(FloatBitsTest, IntegersRoundToNearestEven) {
  for (int halves = -16'382; halves <= 16'382; ++halves) {
    const float value = static_cast<float>(halves) / 2.0f;
    ASSERT_EQ(static_cast<float>(IntegerFromFloat(value)), std::nearbyint(value)) << value;
    const float below = std::nextafter(value, 0.0f);
    ASSERT_EQ(static_cast<float>(IntegerFromFloat(below)), std::nearbyint(below)) << below;
  }
}

}  // namespace
}  // namespace cascade::model::kernels
