// SPDX-License-Identifier: Apache-2.0

#include "model/kernels/integer_dots.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <span>
#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "model/kernels/activations.h"
#include "model/kernels/element_types.h"
#include "model/kernels/integer_panels.h"
#include "model/kernels/integer_units.h"
#include "model/kernels/matmul.h"
#include "model/kernels/packed_matrix.h"
#include "model/kernels/panel.h"
#include "model/kernels/simd_target.h"
#include "model/kernels/source_matrix.h"
#include "tests/model/kernels/every_integer_unit.h"
#include "tests/model/kernels/every_simd_target.h"
#include "tests/model/kernels/naive_integer_dots.h"
#include "tests/model/kernels/product.h"

namespace cascade::model::kernels {
namespace {

constexpr float kNaN = std::numeric_limits<float>::quiet_NaN();
constexpr float kInf = std::numeric_limits<float>::infinity();
constexpr std::size_t kGroup = kNaiveGroup;

class IntegerDotsTest : public EveryIntegerUnit {};

CASCADE_ON_EVERY_INTEGER_UNIT(IntegerDotsTest);

TEST_P(IntegerDotsTest, EqualsTheNaiveSumsForEveryNumberOfRows) {
  for (std::size_t rows = 1; rows <= 40; ++rows) {
    const Operands operands({.rows = rows, .n_in = 150, .n_out = 81});
    const Epilogue epilogue{.bias = operands.bias};
    EXPECT_TRUE(SameBitsOrNaN(Product(operands, epilogue), NaiveProduct(operands, epilogue)))
        << rows << " rows";
  }
}

TEST_P(IntegerDotsTest, EqualsTheNaiveSumsForAwkwardShapes) {
  for (const std::size_t n_in : {1u, 2u, 7u, 63u, 64u, 65u, 256u, 771u}) {
    for (const std::size_t n_out : {1u, 15u, 16u, 17u, 81u}) {
      for (const std::size_t rows : {1u, 3u, 14u}) {
        const Operands operands({.rows = rows, .n_in = n_in, .n_out = n_out});
        EXPECT_TRUE(SameBitsOrNaN(Product(operands, {}), NaiveProduct(operands, {})))
            << "[" << rows << ", " << n_in << "] x [" << n_in << ", " << n_out << "]";
      }
    }
  }
}

// More rows than an M block has, more inputs than a K block has; an input so long that fewer rows
// make an M block.
TEST_P(IntegerDotsTest, EqualsTheNaiveSumsBeyondOneBlock) {
  for (const Shape& shape : {Shape{300, 1100, 36}, Shape{60, 22'000, 18}}) {
    const Operands operands(shape);
    const Epilogue epilogue{.bias = operands.bias};
    EXPECT_TRUE(SameBitsOrNaN(Product(operands, epilogue), NaiveProduct(operands, epilogue)));
  }
}

// The largest sums that there are, of either sign: no unit saturates or overflows.
TEST_P(IntegerDotsTest, ExtremesAreExact) {
  for (const std::size_t rows : {1u, 5u, 30u}) {
    Operands operands({.rows = rows, .n_in = 200, .n_out = 33});
    std::vector<float> weights(operands.shape.n_in * operands.shape.n_out);
    for (std::size_t i = 0; i < weights.size(); ++i) {
      weights[i] = i % operands.shape.n_out % 2 == 0 ? 1.0f : -1.0f;
    }
    operands.SetWeights(weights);
    ASSERT_EQ(operands.weights[0], 127);
    ASSERT_EQ(operands.weights[operands.shape.n_in], -127);
    for (std::size_t i = 0; i < operands.x.size(); ++i) {
      operands.x[i] = i / operands.shape.n_in % 2 == 0 ? 3.0f : -3.0f;
    }
    const std::vector<float> out = Product(operands, {});
    EXPECT_TRUE(SameBitsOrNaN(out, NaiveProduct(operands, {}))) << rows << " rows";
    EXPECT_NEAR(out[0], 600.0f, 1e-3f);
    EXPECT_NEAR(out[1], -600.0f, 1e-3f);
  }
}

TEST_P(IntegerDotsTest, AppliesActivationThenResidual) {
  for (const Activation activation : {Activation::kNone, Activation::kGeluNew, Activation::kRelu}) {
    for (const std::size_t rows : {1u, 5u, 20u}) {
      const Operands operands({.rows = rows, .n_in = 70, .n_out = 37});
      const Epilogue epilogue{
          .bias = operands.bias, .activation = activation, .residual = operands.Residual()};
      EXPECT_TRUE(SameBitsOrNaN(Product(operands, epilogue), NaiveProduct(operands, epilogue)))
          << "activation " << static_cast<int>(activation) << ", " << rows << " rows";
    }
  }
}

TEST_P(IntegerDotsTest, RowDoesNotDependOnTheBatch) {
  ExpectRowsDoNotDependOnTheBatch(Operands({.rows = 40, .n_in = 97, .n_out = 50}));
}

TEST_P(IntegerDotsTest, TakesRowsWithGaps) {
  const Operands operands({.rows = 14, .n_in = 70, .n_out = 18});
  constexpr std::size_t kGap = 5;
  std::vector<float> x(14 * (70 + kGap), kNaN);
  const MatF spaced(x.data(), 14, 70, 70 + kGap);
  for (std::size_t r = 0; r < 14; ++r) {
    std::ranges::copy(operands.X().Row(r), spaced.Row(r).begin());
  }
  std::vector<float> out(std::size_t{14} * 18);
  InlineExecutor executor;
  MatMulScratch scratch;
  MatMul(spaced, operands.packed, {}, executor, scratch, MatF(out.data(), 14, 18));
  EXPECT_TRUE(SameBitsOrNaN(out, Product(operands, {})));
}

TEST_P(IntegerDotsTest, ScratchIsReusedBetweenShapes) {
  const Operands large({.rows = 20, .n_in = 130, .n_out = 16});
  const Operands small({.rows = 3, .n_in = 16, .n_out = 16});
  InlineExecutor executor;
  MatMulScratch scratch;
  std::vector<float> out(std::size_t{20} * 16);
  for (const Operands* operands : {&large, &small, &large}) {
    const std::size_t rows = operands->shape.rows;
    MatMul(operands->X(), operands->packed, {}, executor, scratch, MatF(out.data(), rows, 16));
    EXPECT_TRUE(SameBitsOrNaN(std::span(out).first(rows * 16), NaiveProduct(*operands, {})));
  }
}

TEST_P(IntegerDotsTest, InfAndNaNMakeTheirRowNaN) {
  for (const float bad : {kInf, -kInf, kNaN, -kNaN}) {
    Operands operands({.rows = 4, .n_in = 140, .n_out = 33});
    operands.x[140 + 3] = bad;        // the first group of row 1
    operands.x[2 * 140 + 139] = bad;  // the last group of row 2
    const std::vector<float> out = Product(operands, {});
    for (std::size_t i = 0; i < out.size(); ++i) {
      EXPECT_EQ(std::isnan(out[i]), i / 33 == 1 || i / 33 == 2) << bad << " at " << i;
    }
    EXPECT_TRUE(SameBitsOrNaN(out, NaiveProduct(operands, {})));
  }
}

// Halves go to the even neighbor, and the largest magnitude to 127 whatever it is.
TEST_P(IntegerDotsTest, RoundsTiesToEvenAtEveryMagnitude) {
  const std::vector<float> one(kGroup, 1.0f);
  Operands operands({.rows = 1, .n_in = kGroup, .n_out = 1});
  operands.SetWeights(one);
  for (int exponent = -149; exponent < 128; ++exponent) {
    const float unit = std::ldexp(1.0f, exponent);
    for (std::size_t i = 0; i < kGroup; ++i) {
      operands.x[i] = unit * (static_cast<float>(i) / 32.0f - 0.984375f);
    }
    EXPECT_TRUE(SameBitsOrNaN(Product(operands, {}), NaiveProduct(operands, {}))) << exponent;
  }
  operands.x.assign(kGroup, 0.0f);
  std::fill_n(operands.x.begin(), 16, 127.0f);  // so that none is an outlier
  operands.x[16] = 0.5f;
  operands.x[17] = 1.5f;
  operands.x[18] = -2.5f;
  EXPECT_EQ(Product(operands, {})[0],
            (16 * 127.0f + 0.0f + 2.0f - 2.0f) * 127.0f * (1.0f / 127.0f));
}

TEST_P(IntegerDotsTest, GroupsOfZerosAndOfTheSmallestNumbersAreZero) {
  Operands operands({.rows = 3, .n_in = 100, .n_out = 20});
  std::ranges::fill(operands.x, 0.0f);
  std::fill_n(operands.x.begin() + 100, 100, 1.4e-36f);
  std::fill_n(operands.x.begin() + 200, 100, -0.0f);
  const std::vector<float> out = Product(operands, {});
  for (const float y : out) EXPECT_EQ(y, 0.0f);
  EXPECT_TRUE(SameBitsOrNaN(out, NaiveProduct(operands, {})));
}

TEST_P(IntegerDotsTest, AColumnThatCannotBeScaledIsNaN) {
  for (const float bad : {kNaN, kInf, -kInf}) {
    Operands operands({.rows = 2, .n_in = 5, .n_out = 20});
    std::vector<float> weights(std::size_t{5} * 20, 1.0f);
    weights[3 * 20 + 17] = bad;
    operands.SetWeights(weights);
    const std::vector<float> out = Product(operands, {});
    for (std::size_t i = 0; i < out.size(); ++i) EXPECT_EQ(std::isnan(out[i]), i % 20 == 17) << i;
  }
}

TEST_P(IntegerDotsTest, StaysWithinTheStatedError) {
  Operands operands({.rows = 13, .n_in = 768, .n_out = 40});
  const auto& [rows, n_in, n_out] = operands.shape;
  for (std::size_t r = 1; r < rows; r += 2) {  // the other rows have no outliers
    operands.x[r * n_in + 100 + r] = 300.0f;
    operands.x[r * n_in + 500] = -70.0f;
  }
  const std::vector<float> out = Product(operands, {.bias = operands.bias});
  for (std::size_t r = 0; r < rows; ++r) {
    for (std::size_t o = 0; o < n_out; ++o) {
      auto exact = static_cast<double>(operands.bias[o]);
      double magnitude = std::abs(exact);
      double rounding = 0.0;
      std::size_t outliers = 0;
      for (std::size_t i = 0; i < n_in; ++i) {
        const std::size_t first = i / kGroup * kGroup;
        const Rounded group = RoundGroup(operands.X().Row(r).subspan(first, kGroup));
        const bool is_outlier = std::ranges::count(group.outliers, i - first) > 0;
        const double weight = operands.weights[o * n_in + i] * double{operands.scales[o]};
        const double product = double{operands.x[r * n_in + i]} * weight;
        exact += product;
        magnitude += std::abs(product);
        if (is_outlier) ++outliers;
        if (!is_outlier) rounding += std::abs(weight) * double{group.scale} * 0.501;
      }
      ASSERT_EQ(outliers, r % 2 == 1 ? 2 : 0);
      const std::size_t steps = n_in / 64 + 2 + outliers;
      const double bound = rounding + static_cast<double>(steps) * 0x1p-23 * magnitude;
      ASSERT_NEAR(static_cast<double>(out[r * n_out + o]), exact, bound);
    }
  }
}

// From no outlier to more than a group may have, of the same size or each a hundred times the one
// before, in whole groups and in the last one; also more rows and inputs than a block has.
TEST_P(IntegerDotsTest, OutliersEqualTheNaiveSums) {
  for (const Shape& shape : {Shape{1, 150, 81}, Shape{26, 150, 81}, Shape{300, 1100, 36}}) {
    Operands operands(shape);
    std::size_t most = 0;  // that any group has
    for (std::size_t r = 0; r < shape.rows; ++r) {
      const std::size_t first = r % ((shape.n_in + kGroup - 1) / kGroup) * kGroup;
      const std::size_t count = std::min(kGroup, shape.n_in - first);
      float size = 300.0f;
      for (std::size_t i = 0; i < r % 7; ++i) {
        operands.x[r * shape.n_in + first + (r + i * 5) % count] = i % 2 == 0 ? size : -size;
        if (r / 7 % 2 == 0) size *= 100.0f;
      }
      most = std::max(most, RoundGroup(operands.X().Row(r).subspan(first, count)).outliers.size());
    }
    EXPECT_EQ(most, shape.rows == 1 ? 0 : 4);
    EXPECT_TRUE(SameBitsOrNaN(Product(operands, {}), NaiveProduct(operands, {})))
        << shape.rows << " rows";
  }
}

// What is kept as float costs the other inputs of its group no bits.
TEST_P(IntegerDotsTest, OutliersLeaveTheOthersTheirBits) {
  Operands operands({.rows = 1, .n_in = 128, .n_out = 20});
  const std::vector<float> without = [&] {
    for (const std::size_t i : {5u, 17u, 40u, 127u}) operands.x[i] = 0.0f;
    return Product(operands, {});
  }();
  for (const std::size_t i : {5u, 17u, 40u, 127u}) operands.x[i] = 1000.0f;
  const std::vector<float> with = Product(operands, {});
  for (std::size_t o = 0; o < without.size(); ++o) {
    float outliers = 0.0f;
    for (const std::size_t i : {5u, 17u, 40u, 127u}) {
      outliers += 1000.0f * static_cast<float>(operands.weights[o * 128 + i]) * operands.scales[o];
    }
    EXPECT_NEAR(with[o] - outliers, without[o], 1e-2f) << "output " << o;
  }
}

TEST(IntegerUnitsTest, EveryUnitCanBeChosen) {
  for (const std::string& name : SupportedIntegerUnits()) {
    ASSERT_TRUE(SetIntegerUnit(name).ok());
    EXPECT_EQ(IntegerUnitName(), name);
  }
  ASSERT_TRUE(SetIntegerUnit("auto").ok());
  EXPECT_EQ(SupportedIntegerUnits().back(), "plain");
  EXPECT_EQ(IntegerUnitName(), SupportedIntegerUnits().front());
}

TEST(IntegerUnitsTest, TheScalarTargetGoesWithThePlainUnit) {
  ASSERT_TRUE(SetSimdTarget("scalar").ok());
  EXPECT_EQ(IntegerUnitName(), "plain");
  ASSERT_TRUE(SetSimdTarget("auto").ok());
}

TEST(IntegerUnitsTest, AnUnknownUnitIsRefused) {
  EXPECT_EQ(SetIntegerUnit("abacus").code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(IntegerUnitName(), SupportedIntegerUnits().front());
}

}  // namespace
}  // namespace cascade::model::kernels
