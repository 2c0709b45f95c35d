// SPDX-License-Identifier: Apache-2.0

#include "model/kernels/kv_block.h"

#include <algorithm>
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

float Rounded(KvType type, float value) {
  switch (type) {
    case KvType::kF32:
      return value;
    case KvType::kBf16:
      return FloatFromBf16(Bf16FromFloat(value));
    case KvType::kF16:
      return FloatFromF16(F16FromFloat(value));
  }
  return 0;
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

// Sixteen keys (values) written in pieces of `rows`, then read back.
void ExpectReadsBackRounded(KvType type, std::size_t head_dim, std::size_t rows) {
  const std::vector<float> keys = Awkward(kBlockPositions * head_dim, rows);
  const std::vector<float> values = Awkward(kBlockPositions * head_dim, 100 + rows);
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
    ReadKey(type, key_block.data(), slot, read);
    for (std::size_t d = 0; d < head_dim; ++d) {
      ASSERT_TRUE(SameBitsOrNaN(read[d], Rounded(type, keys[slot * head_dim + d])));
    }
    ReadValue(type, value_block.data(), slot, read);
    for (std::size_t d = 0; d < head_dim; ++d) {
      ASSERT_TRUE(SameBitsOrNaN(read[d], Rounded(type, values[slot * head_dim + d])));
    }
  }
}

TEST(KvBlockTest, GivesBackEveryElementRoundedToItsType) {
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

void ExpectTouchesItsOwnAlone(KvType type, std::size_t head_dim, std::size_t slot,
                              std::size_t rows) {
  const std::vector<float> numbers = Numbers(head_dim).Next(rows * head_dim);
  const ConstMatF matrix(numbers.data(), rows, head_dim);
  const std::size_t own = rows * head_dim * BytesPerElement(type);
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

TEST(KvBlockTest, SixteenBitsAreHalfTheBytes) {
  for (const KvType type : {KvType::kBf16, KvType::kF16}) {
    EXPECT_EQ(2 * KeyBytes(type, 64), KeyBytes(KvType::kF32, 64)) << Name(type);
    EXPECT_EQ(2 * ValueBytes(type, 64), ValueBytes(KvType::kF32, 64)) << Name(type);
  }
}

}  // namespace
}  // namespace cascade::model::kernels
