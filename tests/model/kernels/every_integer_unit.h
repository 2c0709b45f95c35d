// SPDX-License-Identifier: Apache-2.0
// A fixture that runs each test on every pair of a SIMD target and an integer unit: rounding and
// the epilogue run on the target, the sums on the unit.
#pragma once

#include <string>
#include <tuple>

#include "gtest/gtest.h"
#include "model/kernels/integer_units.h"
#include "model/kernels/simd_target.h"

namespace cascade::model::kernels {

// The parameters are their names.
class EveryIntegerUnit : public ::testing::TestWithParam<std::tuple<std::string, std::string>> {
 protected:
  void SetUp() override {
    ASSERT_TRUE(SetSimdTarget(std::get<0>(GetParam())).ok());
    ASSERT_TRUE(SetIntegerUnit(std::get<1>(GetParam())).ok());
  }
  void TearDown() override {
    ASSERT_TRUE(SetSimdTarget("auto").ok());
    ASSERT_TRUE(SetIntegerUnit("auto").ok());
  }
};

inline std::string NameOfPair(
    const ::testing::TestParamInfo<std::tuple<std::string, std::string>>& info) {
  return std::get<0>(info.param) + "_with_" + std::get<1>(info.param);
}

#define CASCADE_ON_EVERY_INTEGER_UNIT(suite)                                                 \
  INSTANTIATE_TEST_SUITE_P(On, suite,                                                        \
                           ::testing::Combine(::testing::ValuesIn(SupportedSimdTargets()),   \
                                              ::testing::ValuesIn(SupportedIntegerUnits())), \
                           &NameOfPair)

}  // namespace cascade::model::kernels
