// SPDX-License-Identifier: Apache-2.0
// The integer dots with weights and inputs of 16 bits. What they share with those of 8 bits, and
// with these only: integer_dots_test.cc.

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>
#include <vector>

#include "gtest/gtest.h"
#include "model/kernels/element_types.h"
#include "model/kernels/float_bits.h"
#include "model/kernels/integer_dots.h"
#include "model/kernels/integer_panels.h"
#include "model/kernels/packed_matrix.h"
#include "model/kernels/panel.h"
#include "tests/model/kernels/every_integer_unit.h"
#include "tests/model/kernels/naive_integer_dots.h"
#include "tests/model/kernels/product.h"
#include "tests/support/same_bits.h"

namespace cascade::model::kernels {
namespace {

using testing::SameBitsOrNaN;

class Int16DotsTest : public EveryIntegerUnit {};

CASCADE_ON_EVERY_INTEGER_UNIT(Int16DotsTest);

TEST_P(Int16DotsTest, EqualsTheNaiveSumsForEveryNumberOfRows) {
  for (std::size_t rows = 1; rows <= 40; ++rows) {
    const Operands operands({.rows = rows, .n_in = 150, .n_out = 81}, kInt16Format);
    const Epilogue epilogue{.bias = operands.bias};
    EXPECT_TRUE(SameBitsOrNaN(Product(operands, epilogue), NaiveProduct(operands, epilogue)))
        << rows << " rows";
  }
}

TEST_P(Int16DotsTest, EqualsTheNaiveSumsForAwkwardShapes) {
  for (const std::size_t n_in : {1u, 2u, 3u, 63u, 64u, 65u, 771u}) {
    for (const std::size_t n_out : {1u, 16u, 17u, 81u}) {
      for (const std::size_t rows : {1u, 3u, 14u}) {
        const Operands operands({.rows = rows, .n_in = n_in, .n_out = n_out}, kInt16Format);
        EXPECT_TRUE(SameBitsOrNaN(Product(operands, {}), NaiveProduct(operands, {})))
            << "[" << rows << ", " << n_in << "] x [" << n_in << ", " << n_out << "]";
      }
    }
  }
}

TEST_P(Int16DotsTest, EqualsTheNaiveSumsBeyondOneBlock) {
  const Operands operands({.rows = 300, .n_in = 1100, .n_out = 36}, kInt16Format);
  const Epilogue epilogue{.bias = operands.bias};
  EXPECT_TRUE(SameBitsOrNaN(Product(operands, epilogue), NaiveProduct(operands, epilogue)));
  ExpectRowsDoNotDependOnTheBatch(Operands({.rows = 40, .n_in = 97, .n_out = 50}, kInt16Format));
}

// The largest sums that there are, of either sign: no unit overflows.
TEST_P(Int16DotsTest, ExtremesAreExact) {
  for (const std::size_t rows : {1u, 5u, 30u}) {
    Operands operands({.rows = rows, .n_in = 192, .n_out = 33}, kInt16Format);
    std::vector<float> weights(operands.shape.n_in * operands.shape.n_out);
    for (std::size_t i = 0; i < weights.size(); ++i) {
      weights[i] = i % operands.shape.n_out % 2 == 0 ? 1.0f : -1.0f;
    }
    operands.SetWeights(weights);
    ASSERT_EQ(operands.weights[0], 8191);
    ASSERT_EQ(operands.weights[operands.shape.n_in], -8191);
    for (std::size_t i = 0; i < operands.x.size(); ++i) {
      operands.x[i] = i / operands.shape.n_in % 2 == 0 ? 3.0f : -3.0f;
    }
    const std::vector<float> out = Product(operands, {});
    EXPECT_TRUE(SameBitsOrNaN(out, NaiveProduct(operands, {}))) << rows << " rows";
    EXPECT_NEAR(out[0], 576.0f, 1e-3f);
    EXPECT_NEAR(out[1], -576.0f, 1e-3f);
  }
}

TEST_P(Int16DotsTest, InfAndNaNMakeTheirRowNaN) {
  constexpr float kInf = std::numeric_limits<float>::infinity();
  for (const float bad : {kInf, -kInf, std::numeric_limits<float>::quiet_NaN()}) {
    Operands operands({.rows = 3, .n_in = 140, .n_out = 33}, kInt16Format);
    operands.x[140 + 139] = bad;
    const std::vector<float> out = Product(operands, {});
    for (std::size_t i = 0; i < out.size(); ++i) EXPECT_EQ(std::isnan(out[i]), i / 33 == 1) << i;
  }
}

// With and without outliers, of which a group has up to one more than may be taken out.
TEST_P(Int16DotsTest, OutliersEqualTheNaiveSums) {
  Operands operands({.rows = 26, .n_in = 150, .n_out = 81}, kInt16Format);
  std::size_t most = 0;
  for (std::size_t r = 0; r < 26; ++r) {
    float size = 300.0f;
    for (std::size_t i = 0; i < r % 6; ++i) {
      operands.x[r * 150 + 64 + i * 5] = i % 2 == 0 ? size : -size;
      size *= 100.0f;
    }
    const std::span<const float> group = operands.X().Row(r).subspan(64, kNaiveGroup);
    most = std::max(most, RoundGroup(group, kInt16Format).outliers.size());
  }
  EXPECT_EQ(most, 4u);
  EXPECT_TRUE(SameBitsOrNaN(Product(operands, {}), NaiveProduct(operands, {})));
}

// integer_dots.h's bound; and that a product is closer to the one of the weights before they were
// packed than one in which each number is rounded to bf16, summed exactly.
TEST_P(Int16DotsTest, StaysWithinTheStatedErrorAndIsCloserThanBf16) {
  const Shape shape{.rows = 13, .n_in = 768, .n_out = 40};
  Operands operands(shape, kInt16Format);
  const std::vector<float> weights = Numbers(7).Next(shape.n_in * shape.n_out);
  operands.SetWeights(weights);
  const auto bf16 = [](float x) { return double{FloatFromBf16(Bf16FromFloat(x))}; };
  const std::vector<float> out = Product(operands, {});
  double error = 0.0;
  double error_of_bf16 = 0.0;
  for (std::size_t r = 0; r < shape.rows; ++r) {
    for (std::size_t o = 0; o < shape.n_out; ++o) {
      double true_sum = 0.0;
      double bf16_sum = 0.0;
      double packed_sum = 0.0;
      double magnitude = 0.0;
      double rounding = 0.0;
      for (std::size_t i = 0; i < shape.n_in; ++i) {
        const float x = operands.X().Row(r)[i];
        const float w = weights[i * shape.n_out + o];
        const double packed = operands.weights[o * shape.n_in + i] * double{operands.scales[o]};
        const std::size_t first = i / kNaiveGroup * kNaiveGroup;
        const std::span<const float> group = operands.X().Row(r).subspan(first, kNaiveGroup);
        true_sum += double{x} * w;
        bf16_sum += bf16(x) * bf16(w);
        packed_sum += x * packed;
        magnitude += std::abs(x * packed);
        rounding += std::abs(packed) * double{RoundGroup(group, kInt16Format).scale} * 0.501;
      }
      const double got = out[r * shape.n_out + o];
      const double steps = static_cast<double>(shape.n_in / kNaiveGroup + 2);
      ASSERT_NEAR(got, packed_sum, rounding + steps * 0x1p-23 * magnitude);
      error += std::abs(got - true_sum);
      error_of_bf16 += std::abs(bf16_sum - true_sum);
    }
  }
  EXPECT_LT(error, error_of_bf16 / 5.0);
}

}  // namespace
}  // namespace cascade::model::kernels
