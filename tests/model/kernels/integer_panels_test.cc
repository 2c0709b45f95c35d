// SPDX-License-Identifier: Apache-2.0

#include "model/kernels/integer_panels.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <span>
#include <vector>

#include "gtest/gtest.h"
#include "model/kernels/element_types.h"
#include "model/kernels/packed_matrix.h"
#include "model/kernels/panel.h"
#include "model/kernels/source_matrix.h"
#include "tests/model/kernels/every_simd_target.h"
#include "tests/model/kernels/packed_columns.h"
#include "tests/support/scattering_executor.h"

namespace cascade::model::kernels {
namespace {

using testing::ScatteringExecutor;
using Int8Panels = IntegerPanels<Int8RowOrder>;

constexpr float kInf = std::numeric_limits<float>::infinity();
constexpr float kNaN = std::numeric_limits<float>::quiet_NaN();

PackedMatrix PackInt8(std::span<const float> values, std::size_t n_in, std::size_t n_out,
                      SourceMatrix::Layout layout = SourceMatrix::Layout::kInOut) {
  ScatteringExecutor executor;
  return PackedMatrix::Pack(Source(values, layout, n_in, n_out), WeightType::kInt8, executor);
}

int StoredInt8(const PackedMatrix& packed, std::size_t row, std::size_t column) {
  const std::byte* panel = packed.Panel(column / kPanelColumns);
  return std::to_integer<std::int8_t>(panel[row * kPanelColumns + column % kPanelColumns]);
}

TEST(Int8PanelsTest, HoldTheNearestMultipleOfEachColumnsScaleFromEitherLayout) {
  for (const std::size_t n_in : {1u, 3u, 17u, 40u}) {
    for (const std::size_t n_out : {1u, 15u, 16u, 17u, 600u}) {
      const std::vector<float> values = Numbers(n_in * 1000 + n_out).Next(n_in * n_out);
      for (const auto layout : {SourceMatrix::Layout::kInOut, SourceMatrix::Layout::kOutIn}) {
        const bool in_out = layout == SourceMatrix::Layout::kInOut;
        const PackedMatrix packed = PackInt8(values, n_in, n_out, layout);
        for (std::size_t o = 0; o < n_out; ++o) {
          const auto value = [&](std::size_t i) {
            return values[in_out ? i * n_out + o : o * n_in + i];
          };
          float largest = 0.0f;
          for (std::size_t i = 0; i < n_in; ++i) largest = std::max(largest, std::abs(value(i)));
          const float scale = largest / 127.0f;
          ASSERT_EQ(
              Int8Panels::Scales(packed.Panel(o / kPanelColumns), packed.n_in())[o % kPanelColumns],
              scale);
          const std::vector<float> column = Column(packed, o);
          for (std::size_t i = 0; i < n_in; ++i) {
            const float nearest = std::nearbyint(value(i) / scale);
            ASSERT_EQ(static_cast<float>(StoredInt8(packed, i, o)), nearest);
            ASSERT_EQ(column[i], nearest * scale);
          }
        }
      }
    }
  }
}

TEST(Int8PanelsTest, RoundTiesToEven) {
  const std::vector<float> values = {127.0f, 0.5f, 1.5f, 2.5f, -0.5f, -1.5f, -126.5f, 126.5f};
  const PackedMatrix packed = PackInt8(values, values.size(), 1);  // the scale is 1
  const std::vector<float> expected = {127.0f, 0.0f, 2.0f, 2.0f, 0.0f, -2.0f, -126.0f, 126.0f};
  EXPECT_EQ(Column(packed, 0), expected);
}

TEST(Int8PanelsTest, AreOneBlobPaddedWithZeros) {
  const std::vector<float> ones(std::size_t{5} * 17, 1.0f);
  const PackedMatrix packed = PackInt8(ones, 5, 17);
  ASSERT_EQ(packed.panels(), 2u);
  EXPECT_EQ(packed.panel_bytes(), 8 * kPanelColumns + kPanelColumns * sizeof(float));
  EXPECT_EQ(packed.bytes(), 2 * packed.panel_bytes());
  for (std::size_t row = 0; row < 8; ++row) {
    for (std::size_t column = 0; column < 32; ++column) {
      ASSERT_EQ(StoredInt8(packed, row, column), row < 5 && column < 17 ? 127 : 0);
    }
  }
  for (std::size_t c = 0; c < kPanelColumns; ++c) {
    EXPECT_EQ(Int8Panels::Scales(packed.Panel(1), packed.n_in())[c], c == 0 ? 1.0f / 127.0f : 0.0f);
  }
}

TEST(Int8PanelsTest, ScalesLieOnTheirCacheLine) {
  for (const std::size_t n_in : {1u, 2u, 3u, 4u, 768u}) {
    const PackedMatrix packed = PackInt8(std::vector<float>(n_in * 33, 1.0f), n_in, 33);
    for (std::size_t p = 0; p < packed.panels(); ++p) {
      EXPECT_EQ(
          reinterpret_cast<std::uintptr_t>(Int8Panels::Scales(packed.Panel(p), packed.n_in())) % 64,
          0u);
    }
  }
}

TEST(Int8PanelsTest, ColumnsTooSmallToScaleAreZero) {
  constexpr float kSmallest = 127 * std::numeric_limits<float>::min();
  const std::vector<float> largest = {0.0f, -0.0f, std::numeric_limits<float>::denorm_min(),
                                      std::nextafter(kSmallest, 0.0f), kSmallest};
  const PackedMatrix packed = PackInt8(largest, 1, largest.size());
  for (std::size_t o = 0; o < largest.size(); ++o) {
    const bool kept = largest[o] == kSmallest;
    EXPECT_EQ(Int8Panels::Scales(packed.Panel(0), packed.n_in())[o],
              kept ? std::numeric_limits<float>::min() : 0.0f)
        << o;
    EXPECT_EQ(StoredInt8(packed, 0, o), kept ? 127 : 0) << o;
  }
  EXPECT_EQ(packed.FindNonFiniteColumn(), std::nullopt);
}

TEST(Int8PanelsTest, ColumnsThatAreNotFiniteHaveNoScale) {
  for (const float bad : {kNaN, std::bit_cast<float>(0x7f800001u), kInf, -kInf}) {
    std::vector<float> values(std::size_t{3} * 40, 1.0f);
    values[1 * 40 + 30] = bad;
    const PackedMatrix packed = PackInt8(values, 3, 40);
    EXPECT_EQ(packed.FindNonFiniteColumn(), 30u);
    for (std::size_t i = 0; i < 3; ++i) {
      EXPECT_EQ(StoredInt8(packed, i, 30), 0);
      EXPECT_TRUE(std::isnan(Column(packed, 30)[i]));
      EXPECT_EQ(Column(packed, 31)[i], 1.0f);
    }
  }
}

TEST(Int8PanelsTest, OnlyInt8HasScalesThatCanBeBad) {
  const std::vector<float> values(6, kNaN);
  InlineExecutor executor;
  for (const WeightType type : {WeightType::kF32, WeightType::kBf16, WeightType::kF16}) {
    const auto packed =
        PackedMatrix::Pack(Source(values, SourceMatrix::Layout::kInOut, 2, 3), type, executor);
    EXPECT_EQ(packed.FindNonFiniteColumn(), std::nullopt);
  }
}

TEST(Int16PanelsTest, ColumnsAreWithinHalfAStep) {
  constexpr std::size_t kIn = 70;
  constexpr std::size_t kOut = 20;
  const std::vector<float> weights = Numbers(3).Next(kIn * kOut);
  ScatteringExecutor executor;
  const auto packed = PackedMatrix::Pack(Source(weights, SourceMatrix::Layout::kInOut, kIn, kOut),
                                         {WeightType::kBf16, ActivationType::kInt16}, executor);
  for (std::size_t o = 0; o < kOut; ++o) {
    float largest = 0.0f;
    for (std::size_t i = 0; i < kIn; ++i) {
      largest = std::max(largest, std::abs(weights[i * kOut + o]));
    }
    const float* scales =
        IntegerPanels<Int16DotOrder>::Scales(packed.Panel(o / kPanelColumns), kIn);
    EXPECT_EQ(scales[o % kPanelColumns], largest / 8191.0f);
    const std::vector<float> column = Column(packed, o);
    for (std::size_t i = 0; i < kIn; ++i) {
      EXPECT_NEAR(column[i], weights[i * kOut + o], largest / 8191.0f * 0.501f);
    }
  }
}

}  // namespace
}  // namespace cascade::model::kernels
