// What the kernels' tests share: a fixture that runs each test on every SIMD target, numbers to
// compute with, and comparison to the bit.
#pragma once

#include <bit>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "model/executor.h"
#include "model/kernels/simd_target.h"

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

// Equal bits; any NaN is as good as another, for which of several comes out differs by CPU.
inline bool SameBits(float a, float b) {
  return std::bit_cast<std::uint32_t>(a) == std::bit_cast<std::uint32_t>(b) ||
         (std::isnan(a) && std::isnan(b));
}

inline ::testing::AssertionResult SameBits(std::span<const float> actual,
                                           std::span<const float> expected) {
  if (actual.size() != expected.size()) {
    return ::testing::AssertionFailure() << actual.size() << " elements, not " << expected.size();
  }
  for (std::size_t i = 0; i < actual.size(); ++i) {
    if (!SameBits(actual[i], expected[i])) {
      return ::testing::AssertionFailure()
             << "element " << i << " is " << actual[i] << ", not " << expected[i];
    }
  }
  return ::testing::AssertionSuccess();
}

// Cuts work into pieces of uneven sizes and runs them last to first.
class ScatteringExecutor final : public Executor {
 public:
  void ForRanges(std::size_t count, std::size_t grain, Body body) override {
    std::vector<IndexRange> ranges;
    for (std::size_t begin = 0; begin < count;) {
      const std::size_t end = std::min(count, begin + grain * (1 + ranges.size() % 3));
      ranges.push_back({begin, end});
      begin = end;
    }
    for (; !ranges.empty(); ranges.pop_back()) body(ranges.back());
  }
};

}  // namespace cascade::model::kernels
