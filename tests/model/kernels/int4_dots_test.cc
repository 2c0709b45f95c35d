// SPDX-License-Identifier: Apache-2.0
// int4 weights with int8 activations: the panels that hold them, and that their product is the one
// of the int8 weights that they stand for.

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "gtest/gtest.h"
#include "model/kernels/activations.h"
#include "model/kernels/aligned_buffer.h"
#include "model/kernels/element_types.h"
#include "model/kernels/int4_dot_panels.h"
#include "model/kernels/integer_panels.h"
#include "model/kernels/matmul.h"
#include "model/kernels/packed_matrix.h"
#include "model/kernels/panel.h"
#include "model/kernels/source_matrix.h"
#include "tests/model/kernels/every_integer_unit.h"
#include "tests/model/kernels/every_simd_target.h"
#include "tests/model/kernels/product.h"

namespace cascade::model::kernels {
namespace {

constexpr float kNaN = std::numeric_limits<float>::quiet_NaN();
constexpr float kInf = std::numeric_limits<float>::infinity();
constexpr Precision kInt4ByInt8(WeightType::kInt4, ActivationType::kInt8);
constexpr Precision kInt8ByInt8(WeightType::kInt8, ActivationType::kInt8);

PackedMatrix Pack(std::span<const float> values, std::size_t n_in, std::size_t n_out,
                  SourceMatrix::Layout layout = SourceMatrix::Layout::kInOut) {
  ScatteringExecutor executor;
  return PackedMatrix::Pack({.bytes = std::as_bytes(values),
                             .type = ElementType::kF32,
                             .layout = layout,
                             .n_in = n_in,
                             .n_out = n_out},
                            kInt4ByInt8, executor);
}

int Integer(const PackedMatrix& w, std::size_t row, std::size_t column) {
  return ReadInt4Dot(w.Panel(column / kPanelColumns), row, column % kPanelColumns);
}

// The 16 scales of panel `p`: both formats end with them.
const float* Scales(const PackedMatrix& w, std::size_t p) {
  return reinterpret_cast<const float*>(w.Panel(p) + w.panel_bytes()) - kPanelColumns;
}

std::vector<float> Column(const PackedMatrix& packed, std::size_t column) {
  std::vector<float> out(packed.n_in());
  packed.CopyColumn(column, out);
  return out;
}

// The int8 panels that `int4` stands for.
AlignedBuffer<std::byte> Int8Contents(const PackedMatrix& int4) {
  const std::size_t panel_bytes = IntegerPanels<Int8DotOrder>::Bytes(int4.n_in());
  AlignedBuffer<std::byte> contents(int4.panels() * panel_bytes);
  for (std::size_t p = 0; p < int4.panels(); ++p) {
    std::byte* panel = contents.data() + p * panel_bytes;
    for (std::size_t i = 0; i < int4.n_in(); ++i) {
      for (std::size_t c = 0; c < kPanelColumns; ++c) {
        panel[Int8DotOrder::Index(i, c)] = Int8DotOrder::Store(ReadInt4Dot(int4.Panel(p), i, c));
      }
    }
    std::copy_n(Scales(int4, p), kPanelColumns,
                reinterpret_cast<float*>(panel + panel_bytes) - kPanelColumns);
  }
  return contents;
}

struct Shape {
  std::size_t rows;
  std::size_t n_in;
  std::size_t n_out;
};

struct Operands {
  explicit Operands(const Shape& s) : shape(s) {
    Numbers numbers(s.rows * 1'000'000 + s.n_in * 1'000 + s.n_out);
    x = numbers.Next(s.rows * s.n_in);
    bias = numbers.Next(s.n_out);
    packed = Pack(numbers.Next(s.n_in * s.n_out), s.n_in, s.n_out);
  }

  ConstMatF X() const { return ConstMatF(x.data(), shape.rows, shape.n_in); }

  Shape shape;
  std::vector<float> x;
  std::vector<float> bias;
  PackedMatrix packed;
};

// Whether the product is that of the int8 weights, to the bit.
::testing::AssertionResult IsTheProductOfInt8(Operands& operands) {
  const Epilogue epilogue{.bias = operands.bias, .activation = Activation::kGeluNew};
  const std::vector<float> out = Product(operands, epilogue);
  const AlignedBuffer<std::byte> contents = Int8Contents(operands.packed);
  operands.packed =
      PackedMatrix::Borrow(operands.shape.n_in, operands.shape.n_out, kInt8ByInt8, contents.span());
  return SameBitsOrNaN(out, Product(operands, epilogue));
}

// Panels whose inputs 16 * b to 16 * b + 15 have step b + 1, a zero for each column, and every u,
// as far as no weight leaves what 8 bits hold.
AlignedBuffer<std::byte> EveryZeroAndStep() {
  constexpr std::size_t kRows = 15 * kInt4StepRows;
  AlignedBuffer<std::byte> panel(Int4DotPanelBytes(kRows));
  std::ranges::fill(panel.span(), std::byte{0});
  for (std::size_t row = 0; row < kRows; ++row) {
    const std::size_t step = row / kInt4StepRows + 1;
    std::byte* group = panel.data() + row / kDotGroup * kInt4DotGroupBytes;
    for (std::size_t c = 0; c < kPanelColumns; ++c) {
      const std::size_t zero = std::min(c, 127 / step);
      const std::size_t u = std::min(row % kInt4StepRows, zero + 127 / step);
      const Int4DotPlace place = Int4DotPlaceOf(row % kDotGroup, c);
      group[place.byte] |= static_cast<std::byte>(u << place.shift);
      group[kInt4DotWeightBytes + row % kDotGroup / kInt4StepRows * kPanelColumns + c] =
          static_cast<std::byte>(step | zero << 4);
    }
  }
  float* scales = reinterpret_cast<float*>(panel.data() + panel.size()) - kPanelColumns;
  std::fill_n(scales, kPanelColumns, 1.0f);
  return panel;
}

class Int4DotsTest : public EveryIntegerUnit {};

CASCADE_ON_EVERY_INTEGER_UNIT(Int4DotsTest);

TEST_P(Int4DotsTest, AreTheProductsOfInt8ForEveryNumberOfRows) {
  for (std::size_t rows = 1; rows <= 40; ++rows) {
    Operands operands({.rows = rows, .n_in = 150, .n_out = 81});
    EXPECT_TRUE(IsTheProductOfInt8(operands)) << rows << " rows";
  }
}

// Also more rows than an M block has, and more inputs than a K block.
TEST_P(Int4DotsTest, AreTheProductsOfInt8ForAwkwardShapes) {
  for (const std::size_t n_in : {1u, 2u, 7u, 16u, 17u, 63u, 64u, 65u, 256u, 771u}) {
    for (const std::size_t n_out : {1u, 15u, 17u, 81u}) {
      for (const std::size_t rows : {1u, 3u, 14u}) {
        Operands operands({rows, n_in, n_out});
        EXPECT_TRUE(IsTheProductOfInt8(operands)) << rows << " x " << n_in << " x " << n_out;
      }
    }
  }
  for (const Shape& shape : {Shape{300, 1100, 36}, Shape{1, 3000, 150}}) {
    Operands operands(shape);
    EXPECT_TRUE(IsTheProductOfInt8(operands)) << shape.rows << " rows";
  }
}

TEST_P(Int4DotsTest, OutliersAreMultipliedWithTheSameIntegers) {
  for (const std::size_t rows : {1u, 26u}) {
    Operands operands({.rows = rows, .n_in = 150, .n_out = 81});
    for (std::size_t r = 0; r < rows; ++r) {
      for (std::size_t i = 0; i < 3; ++i) operands.x[r * 150 + (r * 11 + i * 37) % 150] = 300.0f;
    }
    EXPECT_TRUE(IsTheProductOfInt8(operands)) << rows << " rows";
  }
}

TEST_P(Int4DotsTest, EveryZeroAndStepStandsForItsInteger) {
  const AlignedBuffer<std::byte> contents = EveryZeroAndStep();
  for (std::size_t rows = 1; rows <= 13; ++rows) {
    Operands operands({.rows = rows, .n_in = 15 * kInt4StepRows, .n_out = kPanelColumns});
    operands.packed = PackedMatrix::Borrow(operands.shape.n_in, operands.shape.n_out, kInt4ByInt8,
                                           contents.span());
    EXPECT_TRUE(IsTheProductOfInt8(operands)) << rows << " rows";
  }
}

TEST_P(Int4DotsTest, RowDoesNotDependOnTheBatch) {
  ExpectRowsDoNotDependOnTheBatch(Operands({.rows = 40, .n_in = 97, .n_out = 50}));
}

// --- The panels ---------------------------------------------------------------------------------

TEST(Int4DotPanelsTest, AreTheSameFromEitherLayout) {
  for (const std::size_t n_in : {1u, 15u, 16u, 17u, 64u, 100u}) {
    const std::vector<float> in_out = Numbers(n_in).Next(n_in * 50);
    std::vector<float> out_in(in_out.size());
    for (std::size_t i = 0; i < n_in; ++i) {
      for (std::size_t o = 0; o < 50; ++o) out_in[o * n_in + i] = in_out[i * 50 + o];
    }
    const PackedMatrix a = Pack(in_out, n_in, 50);
    const PackedMatrix b = Pack(out_in, n_in, 50, SourceMatrix::Layout::kOutIn);
    EXPECT_TRUE(std::ranges::equal(a.contents(), b.contents())) << n_in;
  }
}

TEST(Int4DotPanelsTest, TakeFourAndAHalfBitsAWeight) {
  const PackedMatrix packed = Pack(std::vector<float>(std::size_t{128} * 32, 1.0f), 128, 32);
  EXPECT_EQ(packed.bytes(), std::size_t{128} * 32 * 9 / 16 + 32 * sizeof(float));
  EXPECT_EQ(Pack(std::vector<float>(65, 1.0f), 65, 1).panel_bytes(), 2 * 576u + 64u);
}

TEST(Int4DotPanelsTest, StaysWithinTheErrorOfEvenSteps) {
  const std::vector<float> values = Numbers(3).Next(std::size_t{320} * 48);
  const PackedMatrix packed = Pack(values, 320, 48);
  for (std::size_t o = 0; o < 48; ++o) {
    const float scale = Scales(packed, o / kPanelColumns)[o % kPanelColumns];
    const std::vector<float> column = Column(packed, o);
    double squares = 0.0;
    for (std::size_t i = 0; i < 320; ++i) {
      const float error = std::abs(column[i] - values[i * 48 + o]);
      EXPECT_LE(error, 1.5f * 15.0f * scale);  // of the largest step that there is
      squares += double{error} * double{error};
    }
    // Steps of 2 / 15, evenly spread errors: 2 / 15 / sqrt(12) = 0.0385.
    EXPECT_LT(std::sqrt(squares / 320), 0.0385) << "column " << o;
  }
}

TEST(Int4DotPanelsTest, HoldsWhatSixteenValuesCan) {
  std::vector<float> values(32);
  for (std::size_t i = 0; i < 16; ++i) values[i] = 8.0f * (static_cast<float>(i) - 11.0f);
  values[16] = 120.0f;
  values[17] = -105.0f;
  const PackedMatrix packed = Pack(values, 32, 1);
  EXPECT_EQ(Column(packed, 0), values);
  for (std::size_t i = 0; i < 32; ++i) EXPECT_EQ(Integer(packed, i, 0), values[i]);
}

// Nothing reaches -128, which the units do not take.
TEST(Int4DotPanelsTest, IntegersStayWithin127) {
  for (int seed = 0; seed < 20; ++seed) {
    std::vector<float> values =
        Numbers(static_cast<std::uint64_t>(seed)).Next(std::size_t{64} * 64);
    for (float& value : values) value = value * value * value;  // some large, most small
    const PackedMatrix packed = Pack(values, 64, 64);
    for (std::size_t i = 0; i < 64; ++i) {
      for (std::size_t o = 0; o < 64; ++o) ASSERT_LE(std::abs(Integer(packed, i, o)), 127);
    }
  }
}

TEST(Int4DotPanelsTest, ColumnsTooSmallToScaleAreZero) {
  for (const float tiny : {0.0f, std::numeric_limits<float>::denorm_min(), 1.4e-36f}) {
    const PackedMatrix packed = Pack(std::vector<float>(5, tiny), 5, 1);
    EXPECT_EQ(Column(packed, 0), std::vector<float>(5, 0.0f));
    EXPECT_EQ(packed.FindNonFiniteColumn(), std::nullopt);
  }
}

TEST(Int4DotPanelsTest, ColumnsThatAreNotFiniteAreFound) {
  for (const float bad : {kNaN, kInf, -kInf}) {
    std::vector<float> values(std::size_t{40} * 20, 1.0f);
    values[33 * 20 + 18] = bad;
    const PackedMatrix packed = Pack(values, 40, 20);
    EXPECT_EQ(packed.FindNonFiniteColumn(), 18u);
    for (const float weight : Column(packed, 18)) EXPECT_TRUE(std::isnan(weight));
    for (const float weight : Column(packed, 17)) EXPECT_FLOAT_EQ(weight, 1.0f);
  }
}

}  // namespace
}  // namespace cascade::model::kernels
