// SPDX-License-Identifier: Apache-2.0

#include "model/weights/elements.h"

#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
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

TEST_P(ElementsTest, CountsNaNsButNotInfinities) {
  const std::vector<float> values = {kNaN, 0.0F, kInfinity, -kNaN, -kInfinity, 1.0F, kNaN};
  const std::string bytes = StoredBytes(values, GetParam());
  EXPECT_EQ(type_.count_nans(std::as_bytes(std::span(bytes))), 3U);
  EXPECT_TRUE(std::isnan(type_.widen(std::as_bytes(std::span(bytes)))[0]));
}

TEST_P(ElementsTest, HasNothingOfNothing) {
  EXPECT_TRUE(type_.widen({}).empty());
  EXPECT_EQ(type_.count_nans({}), 0U);
}

INSTANTIATE_TEST_SUITE_P(Types, ElementsTest,
                         ::testing::Values(ElementType::kF32, ElementType::kBf16,
                                           ElementType::kF16),
                         [](const auto& type) { return cascade::testing::DtypeOf(type.param); });

TEST(StoredTypesTest, AreThree) {
  EXPECT_EQ(StoredTypeNames(), "F32, F16 or BF16");
  for (const char* other : {"F64", "I64", "U8", "BOOL", "f32", ""}) {
    EXPECT_EQ(FindStoredType(other), nullptr) << other;
  }
}

}  // namespace
}  // namespace cascade::model
