// SPDX-License-Identifier: Apache-2.0

#include "model/kernels/activations.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>
#include <map>
#include <span>
#include <vector>

#include "gtest/gtest.h"
#include "tests/model/kernels/every_simd_target.h"

namespace cascade::model::kernels {
namespace {

constexpr float kInf = std::numeric_limits<float>::infinity();
constexpr float kNaN = std::numeric_limits<float>::quiet_NaN();
constexpr Activation kAll[] = {Activation::kNone, Activation::kGeluNew, Activation::kGelu,
                               Activation::kRelu, Activation::kSilu,    Activation::kQuickGelu,
                               Activation::kMish};

double Exact(Activation activation, double x) {
  switch (activation) {
    case Activation::kNone:
      return x;
    case Activation::kGeluNew:
      return 0.5 * x * (1 + std::tanh(std::sqrt(2 / M_PI) * (x + 0.044715 * x * x * x)));
    case Activation::kGelu:
      return 0.5 * x * std::erfc(-x / std::sqrt(2.0));
    case Activation::kRelu:
      return x > 0 ? x : 0;
    case Activation::kSilu:
      return x / (1 + std::exp(-x));
    case Activation::kQuickGelu:
      return x / (1 + std::exp(-1.702 * x));
    case Activation::kMish:
      return x * std::tanh(std::log1p(std::exp(x)));
  }
  return kNaN;
}

// Every `step`-th float from `low` to `high`, both of one sign or zero, in order of magnitude.
std::vector<float> Floats(float low, float high, std::uint32_t step) {
  std::vector<float> values;
  const auto end = std::bit_cast<std::uint32_t>(high);
  for (auto bits = std::bit_cast<std::uint32_t>(low); bits <= end; bits += step) {
    values.push_back(std::bit_cast<float>(bits));
  }
  return values;
}

// Both signs, from the smallest normal float to 100.
std::vector<float> Sweep(std::uint32_t step) {
  std::vector<float> values = Floats(0x1p-126f, 100.0f, step);
  const std::size_t count = values.size();
  for (std::size_t i = 0; i < count; ++i) values.push_back(-values[i]);
  return values;
}

float UnitInTheLastPlace(double value) {
  const float magnitude = static_cast<float>(std::abs(value));
  return std::nextafter(magnitude, kInf) - magnitude;
}

class ActivationsTest : public EverySimdTarget {
 protected:
  // Values between two that are tested: the scalar target is slow.
  static std::uint32_t Step() { return GetParam() == "scalar" ? 65521 : 1021; }
};
CASCADE_ON_EVERY_SIMD_TARGET(ActivationsTest);

TEST_P(ActivationsTest, ExpStaysWithinItsStatedError) {
  const std::vector<float> x = Sweep(Step());
  std::vector<float> y = x;
  Exp(y);
  double worst = 0;
  for (std::size_t i = 0; i < x.size(); ++i) {
    const double exact = std::exp(static_cast<double>(x[i]));
    if (exact < 0x1p-126) {
      ASSERT_EQ(y[i], 0.0f) << x[i];
    } else if (exact > static_cast<double>(std::numeric_limits<float>::max())) {
      ASSERT_EQ(y[i], kInf) << x[i];
    } else {
      worst = std::max(worst, std::abs(static_cast<double>(y[i]) - exact) /
                                  static_cast<double>(UnitInTheLastPlace(exact)));
    }
  }
  EXPECT_LE(worst, 1.1);
}

TEST_P(ActivationsTest, ExpOfSpecialValues) {
  std::vector<float> x = {0.0f, -0.0f, kInf, -kInf, 89.0f, -104.0f, 1e38f, -1e38f, 0x1p-149f};
  Exp(x);
  EXPECT_EQ(x, (std::vector<float>{1, 1, kInf, 0, kInf, 0, kInf, 0, 1}));
  std::vector<float> nan = {kNaN, -kNaN, std::bit_cast<float>(0x7f8001ffu)};
  Exp(nan);
  for (const float v : nan) EXPECT_TRUE(std::isnan(v));
}

TEST_P(ActivationsTest, ActivationsStayWithinTheirStatedErrors) {
  // |error| <= stated |x|
  const std::map<Activation, double> stated = {
      {Activation::kNone, 0},     {Activation::kGeluNew, 1.3e-7}, {Activation::kGelu, 1.0e-7},
      {Activation::kRelu, 0},     {Activation::kSilu, 1.3e-7},    {Activation::kQuickGelu, 1.3e-7},
      {Activation::kMish, 2.0e-7}};
  const std::vector<float> x = Sweep(Step());
  for (const Activation activation : kAll) {
    std::vector<float> y = x;
    Activate(activation, y);
    double worst = 0;
    for (std::size_t i = 0; i < x.size(); ++i) {
      const double exact = Exact(activation, static_cast<double>(x[i]));
      const double error = std::abs(static_cast<double>(y[i]) - exact);
      worst = std::max(worst, error / std::abs(static_cast<double>(x[i])));
    }
    EXPECT_LE(worst, stated.at(activation)) << static_cast<int>(activation);
  }
}

TEST_P(ActivationsTest, SpecialValuesGiveTheLimits) {
  for (const Activation activation : kAll) {
    if (activation == Activation::kNone) continue;
    std::vector<float> x = {kInf, -kInf, 1e30f, -1e30f, 0.0f, kNaN};
    Activate(activation, x);
    EXPECT_EQ(x[0], kInf);
    EXPECT_EQ(x[1], 0.0f);
    EXPECT_EQ(x[2], 1e30f);
    EXPECT_EQ(x[3], 0.0f);
    EXPECT_EQ(x[4], 0.0f);
    EXPECT_TRUE(std::isnan(x[5])) << static_cast<int>(activation);
  }
}

// What PyTorch computes in float32 for the functions that transformers 5.23 has under these names.
TEST_P(ActivationsTest, AreThoseOfTransformers) {
  const std::vector<float> x = {-20.0f, -5.5f, -1.25f, -0.5f, 0.5f, 1.25f, 5.5f, 20.0f, 40.0f};
  const std::map<Activation, std::vector<float>> expected = {
      {Activation::kGeluNew,
       {0, 0, -0.132285804f, -0.154285997f, 0.345714003f, 1.11771417f, 5.5f, 20, 40}},
      {Activation::kGelu,
       {0, -1.63912773e-7f, -0.132062212f, -0.154268771f, 0.345731229f, 1.11793780f, 5.5f, 20, 40}},
      {Activation::kSilu,
       {-4.12230747e-8f, -0.0223857574f, -0.278375179f, -0.188770339f, 0.311229676f, 0.971624851f,
        5.47761440f, 20, 40}},
      {Activation::kQuickGelu,
       {-3.29340708e-14f, -0.000473036489f, -0.133065701f, -0.149611562f, 0.350388438f, 1.11693430f,
        5.49952650f, 20, 40}},
      {Activation::kMish,
       {-4.12230747e-8f, -0.0224313121f, -0.308413923f, -0.220743760f, 0.375245243f, 1.13187027f,
        5.49981785f, 20, 40}}};
  for (const auto& [activation, values] : expected) {
    std::vector<float> y = x;
    Activate(activation, y);
    for (std::size_t i = 0; i < x.size(); ++i) {
      EXPECT_NEAR(y[i], values[i], 3e-7f * std::abs(x[i]))
          << static_cast<int>(activation) << " of " << x[i];
    }
  }
}

TEST_P(ActivationsTest, AnElementDoesNotDependOnItsPlace) {
  const std::vector<float> all = Numbers(5).Next(50);
  for (const Activation activation : kAll) {
    std::vector<float> whole = all;
    Activate(activation, whole);
    for (std::size_t i = 0; i < all.size(); ++i) {
      float alone = all[i];
      Activate(activation, std::span(&alone, 1));
      EXPECT_TRUE(SameBitsOrNaN(alone, whole[i])) << i;
    }
  }
}

TEST_P(ActivationsTest, GivesTheBitsOfTheScalarTarget) {
  const std::vector<float> x = Sweep(65'521);
  for (const Activation activation : kAll) {
    std::vector<float> here = x;
    Activate(activation, here);
    ASSERT_TRUE(SetSimdTarget("scalar").ok());
    std::vector<float> scalar = x;
    Activate(activation, scalar);
    ASSERT_TRUE(SetSimdTarget(GetParam()).ok());
    EXPECT_TRUE(SameBitsOrNaN(here, scalar)) << static_cast<int>(activation);
  }
}

TEST_P(ActivationsTest, NothingIsNothing) {
  Exp({});
  Activate(Activation::kGelu, {});
}

}  // namespace
}  // namespace cascade::model::kernels
