// SPDX-License-Identifier: Apache-2.0

#include "model/weights/elements.h"

#include <cmath>
#include <limits>
#include <span>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "model/kernels/float_bits.h"
#include "tests/support/safetensors_writer.h"

namespace cascade::model {
namespace {

using cascade::testing::StoredBytes;
using kernels::ElementType;
using ::testing::ElementsAreArray;

constexpr float kNaN = std::numeric_limits<float>::quiet_NaN();
constexpr float kInfinity = std::numeric_limits<float>::infinity();

class ElementsTest : public ::testing::TestWithParam<ElementType> {
 protected:
  const StoredType& type_ = *FindStoredType(cascade::testing::DtypeOf(GetParam()));
};

TEST_P(ElementsTest, NamesTheTypeThatHoldsEveryElement) {
  EXPECT_EQ(type_.type, GetParam());
  EXPECT_EQ(StoredBytes(std::vector<float>{1.0F}, GetParam()).size(), type_.element_bytes);
}

TEST_P(ElementsTest, WidensExactly) {
  const std::vector<float> values = {0.0F, 1.0F, -1.5F, 0x1p-14F, 100.0F, kInfinity, -kInfinity};
  const std::string bytes = StoredBytes(values, GetParam());
  EXPECT_THAT(type_.widen(std::as_bytes(std::span(bytes))), ElementsAreArray(values));
}

TEST_P(ElementsTest, ReadsAtAnyAlignment) {
  const std::vector<float> values = {0.5F, -2.0F, 3.0F};
  const std::string bytes = absl::StrCat("x", StoredBytes(values, GetParam()));
  EXPECT_THAT(type_.widen(std::as_bytes(std::span(bytes)).subspan(1)), ElementsAreArray(values));
}

TEST_P(ElementsTest, CountsWhatIsNotFinite) {
  const std::vector<float> values = {kNaN, 0.0F, kInfinity, -kNaN, -kInfinity, 1.0F, kNaN};
  const std::string bytes = StoredBytes(values, GetParam());
  const ElementCounts counts = type_.count(std::as_bytes(std::span(bytes)));
  EXPECT_EQ(counts.nans, 3U);
  EXPECT_EQ(counts.infinities, 2U);
  EXPECT_EQ(counts.beyond_f16, 0U);
  EXPECT_TRUE(std::isnan(type_.widen(std::as_bytes(std::span(bytes)))[0]));
}

TEST_P(ElementsTest, CountsWhatFloat16CannotHold) {
  const std::vector<float> values = {65504.0F, 65280.0F, -65536.0F, 1e30F, kInfinity, kNaN};
  const std::string bytes = StoredBytes(values, GetParam());
  const ElementCounts counts = type_.count(std::as_bytes(std::span(bytes)));
  const std::vector<float> stored = type_.widen(std::as_bytes(std::span(bytes)));
  std::size_t beyond = 0;
  for (const float value : stored) {
    const bool overflows = std::isinf(kernels::FloatFromF16(kernels::F16FromFloat(value)));
    if (std::isfinite(value) && overflows) ++beyond;
  }
  EXPECT_EQ(counts.beyond_f16, beyond);
  EXPECT_EQ(counts.nans, 1U);
}

TEST_P(ElementsTest, HasNothingOfNothing) {
  EXPECT_TRUE(type_.widen({}).empty());
  EXPECT_EQ(type_.count({}).nans, 0U);
}

INSTANTIATE_TEST_SUITE_P(Types, ElementsTest,
                         ::testing::Values(ElementType::kF32, ElementType::kBf16,
                                           ElementType::kF16),
                         [](const auto& type) { return cascade::testing::DtypeOf(type.param); });

TEST(StoredTypesTest, AreFour) {
  EXPECT_EQ(StoredTypeNames(), "F32, F16, BF16 or F64");
  for (const char* other : {"I64", "U8", "BOOL", "F8_E4M3", "f32", ""}) {
    EXPECT_EQ(FindStoredType(other), nullptr) << other;
  }
}

TEST(StoredTypesTest, RoundsDoublesToFloats) {
  const std::vector<double> values = {0.1,
                                      -1.5,
                                      65519.99,
                                      -65520.0,
                                      3.4028235677973366e38,  // halfway to what would follow
                                      std::numeric_limits<double>::infinity(),
                                      std::numeric_limits<double>::quiet_NaN(),
                                      1e-300};
  const StoredType& type = *FindStoredType("F64");
  EXPECT_EQ(type.type, ElementType::kF32);
  EXPECT_FALSE(type.is_as_in_memory());
  const std::vector<float> widened = type.widen(std::as_bytes(std::span(values)));
  ASSERT_EQ(widened.size(), values.size());
  EXPECT_EQ(widened[0], 0.1F);
  EXPECT_EQ(widened[1], -1.5F);
  EXPECT_EQ(widened[4], kInfinity);
  EXPECT_EQ(widened[7], 0.0F);
  const ElementCounts counts = type.count(std::as_bytes(std::span(values)));
  EXPECT_EQ(counts.nans, 1U);
  EXPECT_EQ(counts.infinities, 2U);
  EXPECT_EQ(counts.beyond_f16, 1U);
}

}  // namespace
}  // namespace cascade::model
