// SPDX-License-Identifier: Apache-2.0

#include "model/kernels/matmul.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <numeric>
#include <span>
#include <vector>

#include "gtest/gtest.h"
#include "model/kernels/activations.h"
#include "model/kernels/element_types.h"
#include "model/kernels/float_bits.h"
#include "model/kernels/integer_panels.h"
#include "model/kernels/packed_matrix.h"
#include "model/kernels/panel.h"
#include "model/kernels/source_matrix.h"
#include "tests/model/kernels/every_simd_target.h"
#include "tests/model/kernels/product.h"

namespace cascade::model::kernels {
namespace {

constexpr float kNaN = std::numeric_limits<float>::quiet_NaN();
constexpr float kInf = std::numeric_limits<float>::infinity();

struct Shape {
  std::size_t rows;
  std::size_t n_in;
  std::size_t n_out;
};

// One product's operands, the weights as they are after rounding to `type`: whole numbers and their
// scales in int8.
struct Operands {
  Operands(const Shape& s, WeightType type) : shape(s) {
    Numbers numbers(s.rows * 1'000'000 + s.n_in * 1'000 + s.n_out);
    x = numbers.Next(s.rows * s.n_in);
    bias = numbers.Next(s.n_out);
    residual = numbers.Next(s.rows * s.n_out);
    const std::vector<float> values = numbers.Next(s.n_in * s.n_out);
    InlineExecutor executor;
    packed = PackedMatrix::Pack({.bytes = std::as_bytes(std::span(values)),
                                 .type = ElementType::kF32,
                                 .layout = SourceMatrix::Layout::kInOut,
                                 .n_in = s.n_in,
                                 .n_out = s.n_out},
                                type, executor);
    columns.resize(s.n_in * s.n_out);
    for (std::size_t o = 0; o < s.n_out; ++o) {
      if (type == WeightType::kInt8) {
        const std::byte* panel = packed.Panel(o / kPanelColumns);
        for (std::size_t i = 0; i < s.n_in; ++i) {
          Column(o)[i] = std::to_integer<std::int8_t>(panel[i * kPanelColumns + o % kPanelColumns]);
        }
        scales.push_back(IntegerPanels<Int8RowOrder>::Scales(panel, s.n_in)[o % kPanelColumns]);
      } else {
        packed.CopyColumn(o, Column(o));
      }
    }
  }

  // Where the chain of output `o` starts, and what takes it to its end.
  float Start(std::size_t o, const Epilogue& epilogue) const {
    return epilogue.bias.empty() || !scales.empty() ? 0.0f : epilogue.bias[o];
  }
  float End(std::size_t o, float acc, const Epilogue& epilogue) const {
    if (scales.empty()) return acc;
    return std::fma(acc, scales[o], epilogue.bias.empty() ? 0.0f : epilogue.bias[o]);
  }

  std::span<float> Column(std::size_t o) {
    return std::span(columns).subspan(o * shape.n_in, shape.n_in);
  }
  ConstMatF X() const { return ConstMatF(x.data(), shape.rows, shape.n_in); }
  ConstMatF Residual() const { return ConstMatF(residual.data(), shape.rows, shape.n_out); }

  Shape shape;
  std::vector<float> x;
  std::vector<float> bias;
  std::vector<float> residual;
  std::vector<float> columns;  // [n_out, n_in]
  std::vector<float> scales;   // [n_out], or empty for types without
  PackedMatrix packed;
};

// The contract, word for word.
std::vector<float> NaiveProduct(const Operands& operands, const Epilogue& epilogue) {
  const auto& [rows, n_in, n_out] = operands.shape;
  std::vector<float> out(rows * n_out);
  for (std::size_t r = 0; r < rows; ++r) {
    for (std::size_t o = 0; o < n_out; ++o) {
      float acc = operands.Start(o, epilogue);
      for (std::size_t i = 0; i < n_in; ++i) {
        acc = std::fma(operands.x[r * n_in + i], operands.columns[o * n_in + i], acc);
      }
      out[r * n_out + o] = operands.End(o, acc, epilogue);
    }
  }
  EndNaively(operands, epilogue, out);
  return out;
}

class MatMulTest : public EverySimdTarget {};
CASCADE_ON_EVERY_SIMD_TARGET(MatMulTest);

TEST_P(MatMulTest, EqualsTheNaiveChainForEveryNumberOfRows) {
  for (const WeightType type : kWeightTypes) {
    for (std::size_t rows = 1; rows <= 40; ++rows) {
      const Operands operands({.rows = rows, .n_in = 33, .n_out = 49}, type);
      const Epilogue epilogue{.bias = operands.bias};
      EXPECT_TRUE(SameBitsOrNaN(Product(operands, epilogue), NaiveProduct(operands, epilogue)))
          << Name(type) << ", " << rows << " rows";
    }
  }
}

TEST_P(MatMulTest, EqualsTheNaiveChainForAwkwardShapes) {
  for (const WeightType type : kWeightTypes) {
    for (const std::size_t n_in : {1u, 2u, 7u, 255u, 256u, 257u, 768u}) {
      for (const std::size_t n_out : {1u, 15u, 16u, 17u, 81u}) {  // 50257 = 16 * 3141 + 1
        for (const std::size_t rows : {1u, 3u, 14u}) {
          const Operands operands({.rows = rows, .n_in = n_in, .n_out = n_out}, type);
          EXPECT_TRUE(SameBitsOrNaN(Product(operands, {}), NaiveProduct(operands, {})))
              << Name(type) << ", [" << rows << ", " << n_in << "] x [" << n_in << ", " << n_out
              << "]";
        }
      }
    }
  }
}

// More rows than a chunk holds, more steps than a stretch has.
TEST_P(MatMulTest, EqualsTheNaiveChainBeyondOneChunk) {
  for (const WeightType type : {WeightType::kBf16, WeightType::kInt8, WeightType::kInt4}) {
    const Operands operands({.rows = 300, .n_in = 523, .n_out = 20}, type);
    const Epilogue epilogue{.bias = operands.bias};
    EXPECT_TRUE(SameBitsOrNaN(Product(operands, epilogue), NaiveProduct(operands, epilogue)))
        << Name(type);
  }
}

TEST_P(MatMulTest, AppliesActivationThenResidual) {
  for (const WeightType type : {WeightType::kF32, WeightType::kInt8, WeightType::kInt4}) {
    for (const Activation activation :
         {Activation::kNone, Activation::kGeluNew, Activation::kGelu, Activation::kRelu}) {
      for (const std::size_t rows : {1u, 5u, 20u}) {
        const Operands operands({.rows = rows, .n_in = 20, .n_out = 37}, type);
        const Epilogue epilogue{
            .bias = operands.bias, .activation = activation, .residual = operands.Residual()};
        EXPECT_TRUE(SameBitsOrNaN(Product(operands, epilogue), NaiveProduct(operands, epilogue)))
            << Name(type) << ", activation " << static_cast<int>(activation) << ", " << rows
            << " rows";
      }
    }
  }
}

TEST_P(MatMulTest, ResidualMayBeTheOutput) {
  for (const std::size_t rows : {1u, 6u, 300u}) {
    const Operands operands({.rows = rows, .n_in = 300, .n_out = 35}, WeightType::kF32);
    const Epilogue separate{.bias = operands.bias, .residual = operands.Residual()};
    std::vector<float> out = operands.residual;
    const MatF in_place(out.data(), rows, operands.shape.n_out);
    InlineExecutor executor;
    MatMulScratch scratch;
    MatMul(operands.X(), operands.packed, {.bias = operands.bias, .residual = in_place}, executor,
           scratch, in_place);
    EXPECT_TRUE(SameBitsOrNaN(out, Product(operands, separate))) << rows << " rows";
  }
}

TEST_P(MatMulTest, RowDoesNotDependOnTheBatch) {
  for (const WeightType type : kWeightTypes) {
    SCOPED_TRACE(std::string(Name(type)));
    ExpectRowsDoNotDependOnTheBatch(Operands({.rows = 40, .n_in = 97, .n_out = 50}, type));
  }
}

TEST_P(MatMulTest, TakesAndLeavesRowsWithGaps) {
  for (const std::size_t rows : {1u, 4u, 30u}) {
    const Operands operands({.rows = rows, .n_in = 24, .n_out = 18}, WeightType::kF32);
    constexpr std::size_t kGap = 5;
    std::vector<float> x(rows * (24 + kGap), kNaN);
    std::vector<float> out(rows * (18 + kGap), 77.0f);
    const MatF spaced_x(x.data(), rows, 24, 24 + kGap);
    const MatF spaced_out(out.data(), rows, 18, 18 + kGap);
    for (std::size_t r = 0; r < rows; ++r) {
      std::ranges::copy(operands.X().Row(r), spaced_x.Row(r).begin());
    }
    InlineExecutor executor;
    MatMulScratch scratch;
    MatMul(spaced_x, operands.packed, {}, executor, scratch, spaced_out);
    const std::vector<float> dense = Product(operands, {});
    for (std::size_t r = 0; r < rows; ++r) {
      EXPECT_TRUE(SameBitsOrNaN(spaced_out.Row(r), std::span(dense).subspan(r * 18, 18)))
          << "row " << r;
      for (std::size_t c = 18; c < 18 + kGap; ++c) EXPECT_EQ(out[r * (18 + kGap) + c], 77.0f);
    }
  }
}

TEST_P(MatMulTest, InfAndNaNPropagateAndStayInTheirRow) {
  for (const std::size_t rows : {3u, 30u}) {
    Operands operands({.rows = rows, .n_in = 40, .n_out = 33}, WeightType::kF32);
    operands.x[7] = kInf;
    operands.x[40 + 3] = kNaN;
    const std::vector<float> out = Product(operands, {});
    EXPECT_TRUE(SameBitsOrNaN(out, NaiveProduct(operands, {})));
    EXPECT_TRUE(std::isinf(out[0]));
    EXPECT_TRUE(std::isnan(out[33]));
    EXPECT_TRUE(std::isfinite(out[66]));
  }
}

// Every bit pattern of the 16-bit types, by every path that reads weights.
TEST_P(MatMulTest, WidensEveryWeightExactly) {
  constexpr std::size_t kPatterns = 0x10000;
  std::vector<std::uint16_t> patterns(kPatterns);
  std::iota(patterns.begin(), patterns.end(), std::uint16_t{0});
  for (const ElementType type : {ElementType::kBf16, ElementType::kF16}) {
    InlineExecutor executor;
    const auto packed = PackedMatrix::Pack({.bytes = std::as_bytes(std::span(patterns)),
                                            .type = type,
                                            .layout = SourceMatrix::Layout::kInOut,
                                            .n_in = 1,
                                            .n_out = kPatterns},
                                           ExactWeightType(type), executor);
    for (const std::size_t rows : {1u, 14u}) {
      const std::vector<float> ones(rows, 1.0f);
      std::vector<float> out(rows * kPatterns);
      MatMulScratch scratch;
      MatMul(ConstMatF(ones.data(), rows, 1), packed, {}, executor, scratch,
             MatF(out.data(), rows, kPatterns));
      for (std::size_t i = 0; i < out.size(); ++i) {
        const std::uint16_t bits = patterns[i % kPatterns];
        const float value = type == ElementType::kBf16 ? FloatFromBf16(bits) : FloatFromF16(bits);
        ASSERT_TRUE(SameBitsOrNaN(out[i], 0.0f + value)) << Name(type) << " " << bits;
      }
    }
  }
}

// Every whole number, at every place among the four rows that lie together, by every path.
TEST_P(MatMulTest, WidensEveryWholeNumberExactly) {
  constexpr std::size_t kIn = 6;  // one piece of four rows, and a part of one
  constexpr std::size_t kOut = 255;
  for (std::size_t row = 0; row < kIn; ++row) {
    std::vector<float> values(kIn * kOut, 0.0f);
    for (std::size_t o = 0; o < kOut; ++o) {
      values[row * kOut + o] = static_cast<float>(o) - 127.0f;
      values[(row + 1) % kIn * kOut + o] = 127.0f;  // makes the scale 1
    }
    InlineExecutor executor;
    const auto packed = PackedMatrix::Pack({.bytes = std::as_bytes(std::span(values)),
                                            .type = ElementType::kF32,
                                            .layout = SourceMatrix::Layout::kInOut,
                                            .n_in = kIn,
                                            .n_out = kOut},
                                           WeightType::kInt8, executor);
    for (const std::size_t rows : {1u, 14u}) {
      std::vector<float> x(rows * kIn, 0.0f);
      for (std::size_t r = 0; r < rows; ++r) x[r * kIn + row] = 1.0f;
      std::vector<float> out(rows * kOut);
      MatMulScratch scratch;
      MatMul(ConstMatF(x.data(), rows, kIn), packed, {}, executor, scratch,
             MatF(out.data(), rows, kOut));
      for (std::size_t i = 0; i < out.size(); ++i) {
        ASSERT_EQ(out[i], static_cast<float>(i % kOut) - 127.0f) << "row " << row;
      }
    }
  }
}

TEST_P(MatMulTest, AColumnThatCannotBeScaledIsNaN) {
  for (const WeightType type : {WeightType::kInt8, WeightType::kInt4}) {
    for (const float bad : {kNaN, kInf, -kInf}) {
      std::vector<float> values(std::size_t{5} * 20, 1.0f);
      values[3 * 20 + 17] = bad;
      InlineExecutor executor;
      const auto packed = PackedMatrix::Pack({.bytes = std::as_bytes(std::span(values)),
                                              .type = ElementType::kF32,
                                              .layout = SourceMatrix::Layout::kInOut,
                                              .n_in = 5,
                                              .n_out = 20},
                                             type, executor);
      const std::vector<float> x(5, 1.0f);
      std::vector<float> out(20);
      MatMulScratch scratch;
      MatMul(ConstMatF(x.data(), 1, 5), packed, {}, executor, scratch, MatF(out.data(), 1, 20));
      for (std::size_t o = 0; o < out.size(); ++o) EXPECT_EQ(std::isnan(out[o]), o == 17) << o;
    }
  }
}

TEST_P(MatMulTest, StaysWithinTheStatedError) {
  for (const WeightType type : kWeightTypes) {
    const Operands operands({.rows = 13, .n_in = 768, .n_out = 40}, type);
    const auto& [rows, n_in, n_out] = operands.shape;
    const std::vector<float> out = Product(operands, {.bias = operands.bias});
    for (std::size_t r = 0; r < rows; ++r) {
      for (std::size_t o = 0; o < n_out; ++o) {
        double exact = static_cast<double>(operands.bias[o]);
        double magnitude = std::abs(exact);
        for (std::size_t i = 0; i < n_in; ++i) {
          const double scale = operands.scales.empty() ? 1.0 : double{operands.scales[o]};
          const double product = static_cast<double>(operands.x[r * n_in + i]) *
                                 static_cast<double>(operands.columns[o * n_in + i]) * scale;
          exact += product;
          magnitude += std::abs(product);
        }
        const double bound = static_cast<double>(n_in) * 0x1p-23 * magnitude;
        ASSERT_NEAR(static_cast<double>(out[r * n_out + o]), exact, bound);
      }
    }
  }
}

TEST_P(MatMulTest, ScratchGrowsAndIsThenKept) {
  const Operands large({.rows = 20, .n_in = 64, .n_out = 16}, WeightType::kF32);
  const Operands small({.rows = 3, .n_in = 16, .n_out = 16}, WeightType::kF32);
  InlineExecutor executor;
  MatMulScratch scratch;
  std::vector<float> out(std::size_t{20} * 16);
  MatMul(large.X(), large.packed, {}, executor, scratch, MatF(out.data(), 20, 16));
  const float* const memory = scratch.packed_rows.data();
  MatMul(small.X(), small.packed, {}, executor, scratch, MatF(out.data(), 3, 16));
  MatMul(large.X(), large.packed, {}, executor, scratch, MatF(out.data(), 20, 16));
  EXPECT_EQ(scratch.packed_rows.data(), memory);
}

TEST_P(MatMulTest, NoRowsAreNoWork) {
  const Operands operands({.rows = 1, .n_in = 16, .n_out = 16}, WeightType::kF32);
  std::vector<float> out(16, 77.0f);
  InlineExecutor executor;
  MatMulScratch scratch;
  MatMul(operands.X().Rows(0, 0), operands.packed, {}, executor, scratch, MatF(out.data(), 0, 16));
  EXPECT_EQ(out, std::vector<float>(16, 77.0f));
}

}  // namespace
}  // namespace cascade::model::kernels
