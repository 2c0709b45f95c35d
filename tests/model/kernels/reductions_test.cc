// SPDX-License-Identifier: Apache-2.0

#include "model/kernels/reductions.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <span>
#include <vector>

#include "gtest/gtest.h"
#include "tests/model/kernels/every_simd_target.h"

namespace cascade::model::kernels {
namespace {

constexpr float kInf = std::numeric_limits<float>::infinity();
constexpr float kNaN = std::numeric_limits<float>::quiet_NaN();
constexpr std::size_t kLengths[] = {1, 2, 15, 16, 17, 31, 33, 64, 100, 768, 1600};

// sum of f(x[i]): element i in lane i % 16, then the tree.
template <typename Add>
float LaneSum(std::span<const float> x, const Add& add) {
  float lanes[16] = {};
  for (std::size_t i = 0; i < x.size(); ++i) lanes[i % 16] = add(lanes[i % 16], x[i]);
  for (std::size_t half = 8; half > 0; half /= 2) {
    for (std::size_t i = 0; i < half; ++i) lanes[i] += lanes[i + half];
  }
  return lanes[0];
}

std::vector<float> NaiveNormalize(std::span<const float> x, std::span<const float> gamma,
                                  std::span<const float> beta, float eps) {
  const float count = static_cast<float>(x.size());
  const float mean = LaneSum(x, [](float sum, float v) { return sum + v; }) / count;
  const float variance =
      LaneSum(x, [&](float sum, float v) { return std::fma(v - mean, v - mean, sum); }) / count;
  const float scale = 1.0f / std::sqrt(variance + eps);
  std::vector<float> out(x.size());
  for (std::size_t i = 0; i < x.size(); ++i) {
    out[i] = std::fma((x[i] - mean) * scale, gamma[i], beta[i]);
  }
  return out;
}

class ReductionsTest : public EverySimdTarget {};
CASCADE_ON_EVERY_SIMD_TARGET(ReductionsTest);

TEST_P(ReductionsTest, NormalizeRowEqualsTheNaiveLanesAndTree) {
  for (const std::size_t n : kLengths) {
    Numbers numbers(n);
    std::vector<float> x = numbers.Next(n);
    const std::vector<float> gamma = numbers.Next(n);
    const std::vector<float> beta = numbers.Next(n);
    const std::vector<float> expected = NaiveNormalize(x, gamma, beta, 1e-5f);
    std::vector<float> out(n);
    NormalizeRow(x, gamma, beta, 1e-5f, out);
    EXPECT_TRUE(SameBitsOrNaN(out, expected)) << n;
    NormalizeRow(x, gamma, beta, 1e-5f, x);
    EXPECT_TRUE(SameBitsOrNaN(x, expected)) << n << ", in place";
  }
}

TEST_P(ReductionsTest, NormalizeRowSurvivesALargeMean) {
  std::vector<float> x = Numbers(4).Next(768);
  for (float& v : x) v += 1000;
  const std::vector<float> ones(768, 1.0f);
  const std::vector<float> zeros(768, 0.0f);
  std::vector<float> out(768);
  NormalizeRow(x, ones, zeros, 1e-5f, out);
  double mean = 0;
  for (const float v : x) mean += static_cast<double>(v) / 768;
  double variance = 0;
  for (const float v : x) variance += std::pow(static_cast<double>(v) - mean, 2) / 768;
  for (std::size_t i = 0; i < x.size(); ++i) {
    EXPECT_NEAR(static_cast<double>(out[i]),
                (static_cast<double>(x[i]) - mean) / std::sqrt(variance + 1e-5), 1e-3);
  }
}

TEST_P(ReductionsTest, MaxFindsTheLargestWhereverItIs) {
  for (const std::size_t n : kLengths) {
    std::vector<float> x = Numbers(n).Next(n);
    for (std::size_t i = 0; i < n; i += 1 + n / 50) {
      const float kept = std::exchange(x[i], 2.0f);
      EXPECT_EQ(Max(x), 2.0f) << i << " of " << n;
      x[i] = kept;
    }
    EXPECT_EQ(Max(x), *std::ranges::max_element(x));
  }
}

TEST_P(ReductionsTest, MaxOfSpecialValues) {
  EXPECT_EQ(Max({}), -kInf);
  EXPECT_EQ(Max(std::vector<float>(40, -kInf)), -kInf);
  for (std::size_t i = 0; i < 40; ++i) {
    std::vector<float> x(40, 1.0f);
    x[39 - i] = kInf;
    EXPECT_EQ(Max(x), kInf);
    x[i] = kNaN;
    EXPECT_TRUE(std::isnan(Max(x))) << i;
  }
}

TEST_P(ReductionsTest, SoftmaxIsCloseToDoubleArithmeticAndSumsToOne) {
  for (const float temperature : {0.5f, 1.0f, 1.7f}) {
    for (const std::size_t n : {1u, 5u, 16u, 100u, 5003u}) {
      std::vector<float> x = Numbers(n).Next(n);
      for (float& v : x) v *= 20;
      std::vector<float> out(n);
      Softmax(x, temperature, out);
      std::vector<double> exact(n);
      for (std::size_t i = 0; i < n; ++i) {
        exact[i] = std::exp(static_cast<double>(x[i]) / static_cast<double>(temperature));
      }
      const double sum = std::accumulate(exact.begin(), exact.end(), 0.0);
      double total = 0;
      for (std::size_t i = 0; i < n; ++i) {
        ASSERT_NEAR(static_cast<double>(out[i]), exact[i] / sum, 1e-6);
        total += static_cast<double>(out[i]);
      }
      EXPECT_NEAR(total, 1.0, 1e-6);
      Softmax(x, temperature, x);
      EXPECT_TRUE(SameBitsOrNaN(x, out)) << "in place";
    }
  }
}

TEST_P(ReductionsTest, SoftmaxOfSpecialValues) {
  std::vector<float> masked = {1.0f, -kInf, 1.0f};
  Softmax(masked, 1.0f, masked);
  EXPECT_EQ(masked, (std::vector<float>{0.5f, 0.0f, 0.5f}));
  std::vector<float> large(100, 3e38f);
  Softmax(large, 0.1f, large);
  for (const float v : large) EXPECT_FLOAT_EQ(v, 0.01f);
  std::vector<float> nan(100, 1.0f);
  nan[77] = kNaN;
  Softmax(nan, 1.0f, nan);
  for (const float v : nan) EXPECT_TRUE(std::isnan(v));
}

TEST_P(ReductionsTest, LogSumExpStaysWithinItsStatedError) {
  for (const std::size_t n : {1u, 2u, 16u, 1000u, 50257u}) {
    for (const float spread : {0.0f, 1.0f, 30.0f}) {
      std::vector<float> x = Numbers(n).Next(n);
      for (float& v : x) v = v * spread + 80.0f;
      double sum = 0;
      for (const float v : x) sum += std::exp(static_cast<double>(v) - 80.0);
      EXPECT_NEAR(LogSumExp(x), 80.0 + std::log(sum), 1e-6) << n << " of spread " << spread;
    }
  }
}

TEST_P(ReductionsTest, LogSumExpOfSpecialValues) {
  EXPECT_EQ(LogSumExp({}), -HUGE_VAL);
  EXPECT_EQ(LogSumExp(std::vector<float>{-kInf, -kInf}), -HUGE_VAL);
  EXPECT_EQ(LogSumExp(std::vector<float>{-kInf, 2.5f}), 2.5);
  EXPECT_EQ(LogSumExp(std::vector<float>{1.0f, kInf}), HUGE_VAL);
  EXPECT_TRUE(std::isnan(LogSumExp(std::vector<float>{1.0f, kNaN, kInf})));
  EXPECT_NEAR(LogSumExp(std::vector<float>{3e38f, 3e38f}), 3e38, 1e31);
}

TEST_P(ReductionsTest, GivesTheBitsOfTheScalarTarget) {
  for (const std::size_t n : kLengths) {
    const std::vector<float> x = Numbers(n).Next(n);
    std::vector<float> here(n);
    Softmax(x, 0.7f, here);
    const double here_sum = LogSumExp(x);
    ASSERT_TRUE(SetSimdTarget("scalar").ok());
    std::vector<float> scalar(n);
    Softmax(x, 0.7f, scalar);
    EXPECT_EQ(here_sum, LogSumExp(x));
    ASSERT_TRUE(SetSimdTarget(GetParam()).ok());
    EXPECT_TRUE(SameBitsOrNaN(here, scalar)) << n;
  }
}

TEST_P(ReductionsTest, AllFiniteSeesEveryElement) {
  EXPECT_TRUE(AllFinite({}));
  std::vector<float> x(37, std::numeric_limits<float>::max());
  EXPECT_TRUE(AllFinite(x));
  for (std::size_t i = 0; i < x.size(); ++i) {
    for (const float bad : {kInf, -kInf, kNaN}) {
      const float kept = std::exchange(x[i], bad);
      EXPECT_FALSE(AllFinite(x)) << i;
      x[i] = kept;
    }
  }
}

}  // namespace
}  // namespace cascade::model::kernels
