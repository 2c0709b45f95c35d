// SPDX-License-Identifier: Apache-2.0

#include "model/kernels/kv_block.h"

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
#include "tests/model/kernels/every_simd_target.h"

namespace cascade::model::kernels {
namespace {

constexpr float kNaN = std::numeric_limits<float>::quiet_NaN();

// The contract for int8, word for word.
std::vector<float> RoundedToInt8(std::span<const float> row) {
  std::vector<float> rounded(row.size());
  float largest = 0.0f;
  for (const float x : row) {
    if (!std::isfinite(x)) return std::vector<float>(row.size(), kNaN);
    largest = std::max(largest, std::abs(x));
  }
  const float scale = largest / 127.0f;
  if (scale < std::numeric_limits<float>::min()) return rounded;
  for (std::size_t d = 0; d < row.size(); ++d) {
    rounded[d] = static_cast<float>(std::lrint(row[d] * (127.0f / largest))) * scale;
  }
  return rounded;
}

// What a key or value is read as.
std::vector<float> Rounded(KvType type, std::span<const float> row) {
  if (type == KvType::kInt8) return RoundedToInt8(row);
  std::vector<float> rounded(row.begin(), row.end());
  for (float& x : rounded) {
    if (type == KvType::kBf16) x = FloatFromBf16(Bf16FromFloat(x));
    if (type == KvType::kF16) x = FloatFromF16(F16FromFloat(x));
  }
  return rounded;
}

// Numbers of every kind: large, small, ties, infinities, NaN, zeros.
std::vector<float> Awkward(std::size_t count, std::uint64_t seed) {
  constexpr float kInf = std::numeric_limits<float>::infinity();
  constexpr float kSpecial[] = {
      0.0f,      -0.0f,    kInf,  -kInf,     std::numeric_limits<float>::quiet_NaN(),
      65519.0f,  65520.0f, 1e30f, 0x1p-149f, 0x1p-24f,
      0x1.01p0f, 0x1.03p0f};
  std::vector<float> numbers = Numbers(seed).Next(count);
  for (std::size_t i = 0; i < count; i += 3) numbers[i] = kSpecial[(i / 3 + seed) % 12];
  return numbers;
}

constexpr std::size_t kHeadSizes[] = {1, 5, 16, 33, 64};

// The same for a block. Every other position is finite, as int8 needs it: of sizes from the
// smallest float on.
std::vector<float> AwkwardPositions(std::size_t head_dim, std::uint64_t seed) {
  std::vector<float> numbers = Awkward(kBlockPositions * head_dim, seed);
  for (std::size_t slot = 0; slot < kBlockPositions; slot += 2) {
    const float size = std::ldexp(1.0f, static_cast<int>(slot * 17) - 149);
    for (std::size_t d = 0; d < head_dim; ++d) {
      numbers[slot * head_dim + d] = size * (static_cast<float>(d % 9) - 3.5f);
    }
  }
  return numbers;
}

// Sixteen keys (values) written in pieces of `rows`, then read back.
void ExpectReadsBackRounded(KvType type, std::size_t head_dim, std::size_t rows) {
  const std::vector<float> keys = AwkwardPositions(head_dim, rows);
  const std::vector<float> values = AwkwardPositions(head_dim, 100 + rows);
  std::vector<std::byte> key_block(KeyBytes(type, head_dim));
  std::vector<std::byte> value_block(ValueBytes(type, head_dim));
  for (std::size_t slot = 0; slot < kBlockPositions; slot += rows) {
    const std::size_t count = std::min(rows, kBlockPositions - slot);
    WriteKeys(type, ConstMatF(&keys[slot * head_dim], count, head_dim), slot, key_block.data());
    WriteValues(type, ConstMatF(&values[slot * head_dim], count, head_dim), slot,
                value_block.data());
  }
  std::vector<float> read(head_dim);
  for (std::size_t slot = 0; slot < kBlockPositions; ++slot) {
    const std::size_t first = slot * head_dim;
    ReadKey(type, key_block.data(), slot, read);
    ASSERT_TRUE(SameBitsOrNaN(read, Rounded(type, std::span(keys).subspan(first, head_dim))));
    ReadValue(type, value_block.data(), slot, read);
    ASSERT_TRUE(SameBitsOrNaN(read, Rounded(type, std::span(values).subspan(first, head_dim))));
  }
}

class KvBlockOnTargetTest : public EverySimdTarget {};
CASCADE_ON_EVERY_SIMD_TARGET(KvBlockOnTargetTest);

TEST_P(KvBlockOnTargetTest, GivesBackEveryElementRoundedToItsType) {
  for (const KvType type : kKvTypes) {
    for (const std::size_t head_dim : kHeadSizes) {
      for (const std::size_t rows : {1u, 5u, 16u}) {
        SCOPED_TRACE(::testing::Message()
                     << Name(type) << ", head_dim " << head_dim << ", " << rows << " at a time");
        ASSERT_NO_FATAL_FAILURE(ExpectReadsBackRounded(type, head_dim, rows));
      }
    }
  }
}

// How many of a block's `bytes` a write decides, seen by writing over zeros and over ones.
template <typename Write>
std::size_t BytesWritten(std::size_t bytes, Write write) {
  std::vector<std::byte> zeros(bytes, std::byte{0});
  std::vector<std::byte> ones(bytes, std::byte{0xff});
  write(zeros.data());
  write(ones.data());
  std::size_t written = 0;
  for (std::size_t i = 0; i < bytes; ++i) written += zeros[i] == ones[i] ? 1U : 0U;
  return written;
}

// Bytes of one position's key or value.
std::size_t OwnBytes(KvType type, std::size_t head_dim) {
  if (type == KvType::kInt8) return head_dim + sizeof(float);
  return head_dim * (type == KvType::kF32 ? sizeof(float) : sizeof(std::uint16_t));
}

void ExpectTouchesItsOwnAlone(KvType type, std::size_t head_dim, std::size_t slot,
                              std::size_t rows) {
  const std::vector<float> numbers = Numbers(head_dim).Next(rows * head_dim);
  const ConstMatF matrix(numbers.data(), rows, head_dim);
  const std::size_t own = rows * OwnBytes(type, head_dim);
  EXPECT_EQ(BytesWritten(KeyBytes(type, head_dim),
                         [&](std::byte* block) { WriteKeys(type, matrix, slot, block); }),
            own)
      << Name(type) << ", head_dim " << head_dim << ", slot " << slot;
  EXPECT_EQ(BytesWritten(ValueBytes(type, head_dim),
                         [&](std::byte* block) { WriteValues(type, matrix, slot, block); }),
            own)
      << Name(type) << ", head_dim " << head_dim << ", slot " << slot;
}

TEST(KvBlockTest, AWriteTouchesItsOwnElementsAlone) {
  for (const KvType type : kKvTypes) {
    for (const std::size_t head_dim : kHeadSizes) {
      for (std::size_t slot = 0; slot < kBlockPositions; ++slot) {
        ExpectTouchesItsOwnAlone(type, head_dim, slot, 1);
      }
      ExpectTouchesItsOwnAlone(type, head_dim, 3, 11);
    }
  }
}

TEST(KvBlockTest, Int8IsAQuarterOfTheBytesAndAScaleForEachPosition) {
  EXPECT_EQ(KeyBytes(KvType::kInt8, 64), KeyBytes(KvType::kF32, 64) / 4 + 64);
  EXPECT_EQ(ValueBytes(KvType::kInt8, 64), ValueBytes(KvType::kF32, 64) / 4 + 64);
}

TEST(KvBlockTest, SixteenBitsAreHalfTheBytes) {
  for (const KvType type : {KvType::kBf16, KvType::kF16}) {
    EXPECT_EQ(2 * KeyBytes(type, 64), KeyBytes(KvType::kF32, 64)) << Name(type);
    EXPECT_EQ(2 * ValueBytes(type, 64), ValueBytes(KvType::kF32, 64)) << Name(type);
  }
}

}  // namespace
}  // namespace cascade::model::kernels
