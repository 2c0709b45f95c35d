// SPDX-License-Identifier: Apache-2.0
// The tiles of AMX on a CPU that need not have it: with tile registers of plain C++, as Intel's
// manual describes them (tileloadd, tilestored, tdpbsud), and all else as it is.

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "model/kernels/element_types.h"
#include "model/kernels/integer_tile.h"
#include "model/kernels/integer_unit_check.h"
#include "model/kernels/integer_units.h"
#include "model/kernels/packed_matrix.h"
#include "tests/model/kernels/every_simd_target.h"
#include "tests/model/kernels/product.h"

namespace cascade::model::kernels {
namespace {

TEST(IntegerUnitCheckTest, FindsAUnitWithOneWrongSum) {
  static const DotFunction right = kPlainUnit->bytes.tile(3, 1);
  IntegerUnit wrong = *kPlainUnit;
  EXPECT_TRUE(AgreesWithPlain(wrong));
  wrong.bytes.tile = [](std::size_t rows, std::size_t panels) -> DotFunction {
    if (rows != 3) return kPlainUnit->bytes.tile(rows, panels);
    return [](const DotOperands& operands) {
      right(operands);
      operands.chains[20] = std::nextafter(operands.chains[20], 1e30f);
    };
  };
  EXPECT_FALSE(AgreesWithPlain(wrong));
}

TEST(IntegerUnitCheckTest, FindsAUnitWithOneWrongSumOfInt4Weights) {
  static const DotFunction right = kPlainUnit->int4_tile(1, 1);
  IntegerUnit wrong = *kPlainUnit;
  wrong.int4_tile = [](std::size_t /*rows*/, std::size_t /*panels*/) -> DotFunction {
    return [](const DotOperands& operands) {
      right(operands);
      operands.chains[15] = std::nextafter(operands.chains[15], 1e30f);
    };
  };
  EXPECT_FALSE(AgreesWithPlain(wrong));
}

TEST(IntegerUnitCheckTest, NoUnitOfThisCpuIsWrong) { EXPECT_TRUE(WrongIntegerUnits().empty()); }

}  // namespace
}  // namespace cascade::model::kernels

#ifdef __x86_64__

#include <immintrin.h>

#define CASCADE_UNIT __attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,avx512vnni")))
#define CASCADE_UNIT_INLINE CASCADE_UNIT __attribute__((always_inline)) static inline

namespace cascade::model::kernels {
namespace {

struct Registers {
  inline static thread_local int configured = 0;
  inline static thread_local std::int32_t sums[16][16];
  inline static thread_local std::int8_t inputs[16][64];
  inline static thread_local std::uint8_t weights[16][64];  // [step][16 outputs][4]

  static void Configure() { ++configured; }
  static void Release() { --configured; }

  CASCADE_UNIT_INLINE void ZeroSums() { std::fill_n(&sums[0][0], 256, 0); }
  CASCADE_UNIT_INLINE void LoadInputs(const std::byte* x) {
    ASSERT_EQ(configured, 1);
    std::memcpy(inputs, x, sizeof(inputs));
  }
  CASCADE_UNIT_INLINE void LoadWeights(const std::byte* w) {
    std::memcpy(weights, w, sizeof(weights));
  }
  CASCADE_UNIT_INLINE void Multiply() {
    for (std::size_t m = 0; m < 16; ++m) {
      for (std::size_t k = 0; k < 16; ++k) {
        for (std::size_t b = 0; b < 64; ++b) {
          sums[m][b / 4] += inputs[m][4 * k + b % 4] * weights[k][b];
        }
      }
    }
  }
  CASCADE_UNIT_INLINE void StoreSums(std::int32_t* to) { std::memcpy(to, sums, sizeof(sums)); }
};

}  // namespace
}  // namespace cascade::model::kernels

#include "model/kernels/integer_tile_amx-inl.h"

namespace cascade::model::kernels {
namespace {

bool HasAvx512Vnni() {
  return std::ranges::count(SupportedIntegerUnits(), std::string("avx512_vnni")) > 0;
}

TEST(AmxTileTest, AgreesWithThePlainUnit) {
  if (!HasAvx512Vnni()) GTEST_SKIP() << "needs AVX-512 VNNI";
  EXPECT_TRUE(AgreesWithPlain(kUnit));
  EXPECT_EQ(Registers::configured, 0);
}

struct Operands {
  struct {
    std::size_t rows, n_in, n_out;
  } shape;
  std::vector<float> x;
  PackedMatrix packed;

  ConstMatF X() const { return ConstMatF(x.data(), shape.rows, shape.n_in); }
};

Operands PackedOperands(WeightType type, std::size_t n_in) {
  constexpr std::size_t kOut = 81;
  const std::vector<float> weights = Numbers(1).Next(n_in * kOut);
  ScatteringExecutor executor;
  return {.shape = {0, n_in, kOut},
          .x = {},
          .packed = PackedMatrix::Pack({.bytes = std::as_bytes(std::span(weights)),
                                        .type = ElementType::kF32,
                                        .layout = SourceMatrix::Layout::kInOut,
                                        .n_in = n_in,
                                        .n_out = kOut},
                                       {type, ActivationType::kInt8}, executor)};
}

// Whole products: more rows than a tile and than an M block, inputs that end within a group, one K
// block and several.
TEST(AmxTileTest, ProductsAreThoseOfThePlainUnit) {
  if (!HasAvx512Vnni()) GTEST_SKIP() << "needs AVX-512 VNNI";
  for (const WeightType type : {WeightType::kInt8, WeightType::kInt4}) {
    for (const std::size_t n_in : {150u, 1100u}) {
      Operands operands = PackedOperands(type, n_in);
      for (const std::size_t rows : {1u, 7u, 8u, 15u, 16u, 17u, 31u, 40u, 250u}) {
        operands.shape.rows = rows;
        operands.x = Numbers(rows).Next(rows * n_in);
        SetIntegerUnit(kUnit);
        const std::vector<float> by_amx = Product(operands, {});
        SetIntegerUnit(*kPlainUnit);
        EXPECT_TRUE(SameBitsOrNaN(by_amx, Product(operands, {}))) << rows << " x " << n_in;
      }
    }
  }
  ASSERT_TRUE(SetIntegerUnit("auto").ok());
}

}  // namespace
}  // namespace cascade::model::kernels

#endif
