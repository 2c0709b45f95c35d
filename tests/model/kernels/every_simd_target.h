// SPDX-License-Identifier: Apache-2.0
// What the kernels' tests share: a fixture that runs each test on every SIMD target, and numbers to
// compute with.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "model/kernels/simd_target.h"
#include "tests/support/same_bits.h"
#include "tests/support/scattering_executor.h"

namespace cascade::model::kernels {

// The parameter is the target's name.
class EverySimdTarget : public ::testing::TestWithParam<std::string> {
 protected:
  void SetUp() override { ASSERT_TRUE(SetSimdTarget(GetParam()).ok()); }
  void TearDown() override { ASSERT_TRUE(SetSimdTarget("auto").ok()); }
};

inline std::string NameOfTarget(const ::testing::TestParamInfo<std::string>& info) {
  return info.param;
}

#define CASCADE_ON_EVERY_SIMD_TARGET(suite) \
  INSTANTIATE_TEST_SUITE_P(On, suite, ::testing::ValuesIn(SupportedSimdTargets()), NameOfTarget)

// Numbers in [-1, 1) that look random and are the same everywhere.
class Numbers {
 public:
  explicit Numbers(std::uint64_t seed) : state_(seed * 2 + 1) {}

  float Next() {
    state_ = state_ * 6364136223846793005u + 1442695040888963407u;
    return static_cast<float>(static_cast<std::int32_t>(state_ >> 32)) * 0x1p-31f;
  }

  std::vector<float> Next(std::size_t count) {
    std::vector<float> values(count);
    for (float& v : values) v = Next();
    return values;
  }

 private:
  std::uint64_t state_;
};

using testing::SameBitsOrNaN;
using testing::ScatteringExecutor;

}  // namespace cascade::model::kernels
