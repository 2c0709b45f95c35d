// SPDX-License-Identifier: Apache-2.0

#include "model/kernels/packed_matrix.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <limits>
#include <map>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "gtest/gtest.h"
#include "model/kernels/element_types.h"
#include "model/kernels/float_bits.h"
#include "model/kernels/panel.h"
#include "model/kernels/source_matrix.h"
#include "tests/model/kernels/every_simd_target.h"
#include "tests/model/kernels/packed_columns.h"

namespace cascade::model::kernels {
namespace {

constexpr float kInf = std::numeric_limits<float>::infinity();
constexpr float kNaN = std::numeric_limits<float>::quiet_NaN();

float Rounded(float value, WeightType type) {
  switch (type) {
    case WeightType::kF32:
      return value;
    case WeightType::kBf16:
      return FloatFromBf16(Bf16FromFloat(value));
    case WeightType::kF16:
      return FloatFromF16(F16FromFloat(value));
    case WeightType::kInt8:  // depend on the weights beside it
    case WeightType::kInt4:
      break;
  }
  return kNaN;
}

constexpr std::array kFloatTypes = {WeightType::kF32, WeightType::kBf16, WeightType::kF16};

TEST(PackedMatrixTest, CopyColumnGivesBackTheRoundedColumnFromEitherLayout) {
  ScatteringExecutor executor;
  for (const WeightType type : kFloatTypes) {
    for (const std::size_t n_in : {1u, 2u, 17u, 40u}) {
      for (const std::size_t n_out : {1u, 15u, 16u, 17u, 600u}) {
        const std::vector<float> values = Numbers(n_in + n_out).Next(n_in * n_out);
        const auto in_out = PackedMatrix::Pack(
            Source(values, SourceMatrix::Layout::kInOut, n_in, n_out), type, executor);
        const auto out_in = PackedMatrix::Pack(
            Source(values, SourceMatrix::Layout::kOutIn, n_in, n_out), type, executor);
        for (std::size_t o = 0; o < n_out; ++o) {
          for (std::size_t i = 0; i < n_in; ++i) {
            ASSERT_EQ(Column(in_out, o)[i], Rounded(values[i * n_out + o], type));
            ASSERT_EQ(Column(out_in, o)[i], Rounded(values[o * n_in + i], type));
          }
        }
      }
    }
  }
}

// FNV-1a.
std::uint64_t Hash(std::span<const std::byte> bytes) {
  std::uint64_t hash = 0xcbf29ce484222325;
  for (const std::byte b : bytes) hash = (hash ^ std::to_integer<std::uint64_t>(b)) * 0x100000001b3;
  return hash;
}

TEST(PackedMatrixTest, WhoChangesTheLayoutMustRaiseItsVersion) {
  constexpr std::size_t kIn = 37;
  constexpr std::size_t kOut = 35;
  std::vector<float> values(kIn * kOut);
  for (std::size_t i = 0; i < values.size(); ++i) {
    values[i] = (static_cast<float>(i * 7919 % 2003) - 1001.0f) / 256.0f;
  }
  const std::map<std::string, std::uint64_t> hashes = {
      {"f32", 0x6c0e68d60d427260},       {"bf16", 0xf8e136c2d7b0f76d},
      {"f16", 0x5ccd11c0192190a4},       {"int8", 0xd9e7c23738b16caa},
      {"int4", 0x0498e0ae4d5aafa3},      {"int8xint8", 0x4e7c4d7fc138de1c},
      {"int4xint8", 0x5fc4c4830ca7060f}, {"bf16xint16", 0xcbe6bde4a8daf351}};
  InlineExecutor executor;
  for (const Precision& precision : kPrecisions) {
    const std::string name = Name(precision);
    const auto packed = PackedMatrix::Pack(Source(values, SourceMatrix::Layout::kInOut, kIn, kOut),
                                           precision, executor);
    EXPECT_EQ(Hash(packed.contents()), hashes.at(name))
        << name << ": files that were packed before hold other bytes than Pack writes now. "
        << "Raise kPackedLayoutVersion (" << kPackedLayoutVersion << "), then renew this hash.";
  }
}

TEST(PackedMatrixTest, PanelsArePaddedWithZeros) {
  const std::vector<float> ones(std::size_t{3} * 17, 1.0f);
  InlineExecutor executor;
  for (const WeightType type : kFloatTypes) {
    const auto packed =
        PackedMatrix::Pack(Source(ones, SourceMatrix::Layout::kInOut, 3, 17), type, executor);
    ASSERT_EQ(packed.panels(), 2u);
    std::size_t set = 0;
    const std::size_t size = type == WeightType::kF32 ? 4 : 2;
    for (std::size_t i = 0; i < packed.panel_bytes(); i += size) {
      bool zero = true;
      for (std::size_t b = 0; b < size; ++b) zero &= packed.Panel(1)[i + b] == std::byte{0};
      set += zero ? 0u : 1u;
    }
    EXPECT_EQ(set, 3u) << Name(type);  // the one column that exists
  }
}

TEST(PackedMatrixTest, ReadsEveryTypeAtAnyAlignment) {
  constexpr std::size_t kIn = 5;
  constexpr std::size_t kOut = 3;
  InlineExecutor executor;
  for (const ElementType type : kElementTypes) {
    const std::size_t size = BytesPerElement(type);
    std::vector<std::byte> bytes(kIn * kOut * size + 1);
    for (std::size_t i = 0; i < kIn * kOut; ++i) {
      const float value = static_cast<float>(i) * 0.25f - 1.0f;  // exact in every type
      const std::uint16_t half =
          type == ElementType::kBf16 ? Bf16FromFloat(value) : F16FromFloat(value);
      const void* from = type == ElementType::kF32 ? static_cast<const void*>(&value) : &half;
      std::memcpy(&bytes[1 + i * size], from, size);
    }
    const SourceMatrix source{.bytes = std::span(bytes).subspan(1),
                              .type = type,
                              .layout = SourceMatrix::Layout::kInOut,
                              .n_in = kIn,
                              .n_out = kOut};
    const auto packed = PackedMatrix::Pack(source, WeightType::kF32, executor);
    for (std::size_t o = 0; o < kOut; ++o) {
      for (std::size_t i = 0; i < kIn; ++i) {
        EXPECT_EQ(Column(packed, o)[i], static_cast<float>(i * kOut + o) * 0.25f - 1.0f);
      }
    }
  }
}

TEST(PackedMatrixTest, EveryTypeHasANameOfItsOwn) {
  std::set<std::string_view> names;
  for (const WeightType type : kWeightTypes) names.insert(Name(type));
  EXPECT_EQ(names.size(), kWeightTypes.size());
  EXPECT_FALSE(names.contains(""));
}

TEST(PackedMatrixTest, EveryPrecisionHasANameOfItsOwn) {
  std::set<std::string> names;
  for (const Precision& precision : kPrecisions) names.insert(Name(precision));
  EXPECT_EQ(names.size(), kPrecisions.size());
  EXPECT_EQ(Name(Precision(WeightType::kBf16)), "bf16");
  EXPECT_FALSE(IsSupported({WeightType::kF32, ActivationType::kInt8}));
}

// --- int4 ---------------------------------------------------------------------------------------

PackedMatrix PackInt4(std::span<const float> values, std::size_t n_in, std::size_t n_out,
                      SourceMatrix::Layout layout = SourceMatrix::Layout::kInOut) {
  ScatteringExecutor executor;
  return PackedMatrix::Pack(Source(values, layout, n_in, n_out), WeightType::kInt4, executor);
}

// What the weights of one group become.
std::vector<float> RoundedToInt4(std::span<const float> group) {
  float largest = 0.0f;
  for (const float w : group) largest = std::abs(w) > std::abs(largest) ? w : largest;
  const float scale = FloatFromBf16(Bf16FromFloat(largest / -8.0f));
  std::vector<float> rounded;
  for (const float w : group) {
    rounded.push_back(std::clamp(std::nearbyint(w / scale), -8.0f, 7.0f) * scale);
  }
  return rounded;
}

TEST(Int4PanelsTest, HoldTheNearestOfSixteenMultiplesOfEachGroupsScaleFromEitherLayout) {
  for (const std::size_t n_in : {1u, 2u, 15u, 16u, 17u, 40u}) {
    for (const std::size_t n_out : {1u, 16u, 17u, 300u}) {
      const std::vector<float> values = Numbers(n_in * 1000 + n_out).Next(n_in * n_out);
      for (const auto layout : {SourceMatrix::Layout::kInOut, SourceMatrix::Layout::kOutIn}) {
        const bool in_out = layout == SourceMatrix::Layout::kInOut;
        const PackedMatrix packed = PackInt4(values, n_in, n_out, layout);
        for (std::size_t o = 0; o < n_out; ++o) {
          std::vector<float> column;
          for (std::size_t i = 0; i < n_in; ++i) {
            column.push_back(values[in_out ? i * n_out + o : o * n_in + i]);
          }
          const std::vector<float> actual = Column(packed, o);
          for (std::size_t i = 0; i < n_in; i += 16) {
            const std::size_t rows = std::min<std::size_t>(16, n_in - i);
            const std::vector<float> expected = RoundedToInt4(std::span(column).subspan(i, rows));
            for (std::size_t r = 0; r < rows; ++r) ASSERT_EQ(actual[i + r], expected[r]);
          }
        }
      }
    }
  }
}

TEST(Int4PanelsTest, AreOneBlobOfFiveBitsAWeight) {
  const PackedMatrix packed = PackInt4(std::vector<float>(std::size_t{64} * 32, 1.0f), 64, 32);
  EXPECT_EQ(packed.bytes(), std::size_t{64} * 32 * 5 / 8);
  EXPECT_EQ(packed.bytes(), packed.panels() * packed.panel_bytes());
  EXPECT_EQ(PackInt4(std::vector<float>(65, 1.0f), 65, 1).panel_bytes(), 5 * 160u);
}

TEST(Int4PanelsTest, TheLargestWeightOfAGroupIsExactWhateverItsSign) {
  std::vector<float> values(32, 0.25f);
  values[3] = 2.0f;
  values[20] = -4.0f;
  const std::vector<float> column = Column(PackInt4(values, 32, 1), 0);
  EXPECT_EQ(column[3], 2.0f);
  EXPECT_EQ(column[0], 0.25f);
  EXPECT_EQ(column[20], -4.0f);
  EXPECT_EQ(column[16], 0.0f);  // half a step, a tie: to even
}

TEST(Int4PanelsTest, ZeroIsNeverNegative) {
  const std::vector<float> column =
      Column(PackInt4(std::vector<float>{-0.0f, 1.0f, 0.01f, -0.01f}, 4, 1), 0);
  for (const std::size_t i : {0u, 2u, 3u}) {
    EXPECT_EQ(column[i], 0.0f);
    EXPECT_FALSE(std::signbit(column[i]));
  }
}

TEST(Int4PanelsTest, GroupsTooSmallToScaleAreZero) {
  for (const float tiny : {0.0f, std::numeric_limits<float>::denorm_min(), 0x1.fffp-98f}) {
    const PackedMatrix packed = PackInt4(std::vector<float>(5, tiny), 5, 1);
    EXPECT_EQ(Column(packed, 0), std::vector<float>(5, 0.0f));
    EXPECT_EQ(packed.FindNonFiniteColumn(), std::nullopt);
  }
  EXPECT_EQ(Column(PackInt4(std::vector<float>(5, 0x1p-97f), 5, 1), 0),
            std::vector<float>(5, 0x1p-97f));
}

TEST(Int4PanelsTest, GroupsThatAreNotFiniteHaveNoScale) {
  for (const float bad : {kNaN, kInf, -kInf, 0x1p127f}) {
    std::vector<float> values(std::size_t{40} * 20, 1.0f);
    values[33 * 20 + 18] = bad;
    const PackedMatrix packed = PackInt4(values, 40, 20);
    EXPECT_EQ(packed.FindNonFiniteColumn(), 18u);
    const std::vector<float> column = Column(packed, 18);
    for (std::size_t i = 0; i < 40; ++i) EXPECT_EQ(std::isnan(column[i]), i >= 32) << i;
    EXPECT_EQ(Column(packed, 17), std::vector<float>(40, 1.0f));
  }
}

// The activations decide how int8 weights lie in memory, and nothing else about them.
TEST(PackedMatrixTest, Int8WeightsAreTheSameForEveryTypeOfActivations) {
  ScatteringExecutor executor;
  for (const std::size_t n_in : {1u, 35u, 64u, 103u}) {
    const std::vector<float> values = Numbers(11).Next(n_in * 50);
    const SourceMatrix source = Source(values, SourceMatrix::Layout::kOutIn, n_in, 50);
    const auto by_f32 = PackedMatrix::Pack(source, WeightType::kInt8, executor);
    const auto by_int8 =
        PackedMatrix::Pack(source, {WeightType::kInt8, ActivationType::kInt8}, executor);
    EXPECT_EQ(by_int8.type(), WeightType::kInt8);
    EXPECT_EQ(by_int8.bytes(), by_f32.bytes());
    for (std::size_t o = 0; o < 50; ++o) EXPECT_EQ(Column(by_int8, o), Column(by_f32, o)) << o;
  }
}

TEST(PackedMatrixTest, ABorrowedMatrixIsTheOneThatWasPacked) {
  ScatteringExecutor executor;
  for (const Precision& precision : kPrecisions) {
    const std::vector<float> values = Numbers(7).Next(35 * 50);
    const auto packed = PackedMatrix::Pack(Source(values, SourceMatrix::Layout::kInOut, 35, 50),
                                           precision, executor);
    ASSERT_EQ(PackedMatrix::BytesFor(35, 50, precision), packed.bytes()) << Name(precision);
    const auto borrowed = PackedMatrix::Borrow(35, 50, precision, packed.contents());
    EXPECT_EQ(borrowed.precision(), precision);
    EXPECT_EQ(borrowed.panel_bytes(), packed.panel_bytes());
    EXPECT_EQ(borrowed.Panel(1), packed.Panel(1));
    for (const std::size_t column : {0u, 17u, 49u}) {
      EXPECT_EQ(Column(borrowed, column), Column(packed, column)) << Name(precision);
    }
  }
}

}  // namespace
}  // namespace cascade::model::kernels
