// SPDX-License-Identifier: Apache-2.0

#include "model/kernels/simd_target.h"

#include <vector>

#include "absl/status/status.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace cascade::model::kernels {
namespace {

using ::testing::HasSubstr;

class SimdTargetTest : public ::testing::Test {
 protected:
  void TearDown() override { ASSERT_TRUE(SetSimdTarget("auto").ok()); }
};

TEST_F(SimdTargetTest, ScalarIsAlwaysThereAndLast) {
  EXPECT_EQ(SupportedSimdTargets().back(), "scalar");
}

TEST_F(SimdTargetTest, TheBestIsInUseAtFirstAndAfterAuto) {
  const std::string best = SupportedSimdTargets().front();
  EXPECT_EQ(SimdTargetName(), best);
  ASSERT_TRUE(SetSimdTarget("scalar").ok());
  ASSERT_TRUE(SetSimdTarget("auto").ok());
  EXPECT_EQ(SimdTargetName(), best);
}

TEST_F(SimdTargetTest, EverySupportedTargetCanBeChosenFromEveryOther) {
  const std::vector<std::string> targets = SupportedSimdTargets();
  for (const std::string& from : targets) {
    for (const std::string& to : targets) {
      ASSERT_TRUE(SetSimdTarget(from).ok());
      ASSERT_TRUE(SetSimdTarget(to).ok());
      EXPECT_EQ(SimdTargetName(), to);
      EXPECT_EQ(SupportedSimdTargets(), targets);
    }
  }
}

TEST_F(SimdTargetTest, UnknownNameIsRefusedAndChangesNothing) {
  ASSERT_TRUE(SetSimdTarget("scalar").ok());
  const absl::Status status = SetSimdTarget("sse2");
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(status.message()), HasSubstr("\"sse2\""));
  EXPECT_THAT(std::string(status.message()), HasSubstr("scalar"));
  EXPECT_EQ(SimdTargetName(), "scalar");
}

}  // namespace
}  // namespace cascade::model::kernels
