#include "model/kernels/kv_block.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>
#include <vector>

#include "gtest/gtest.h"
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

TEST(KvBlockTest, GivesBackEveryElementRoundedToItsType) {
  for (const KvType type : kKvTypes) {
    for (const std::size_t head_dim : kHeadSizes) {
      std::vector<std::byte> keys(KeyBytes(type, head_dim));
      std::vector<std::byte> values(ValueBytes(type, head_dim));
      for (std::size_t slot = 0; slot < kBlockPositions; ++slot) {
        WriteKey(type, Awkward(head_dim, slot), slot, keys.data());
        WriteValue(type, Awkward(head_dim, 100 + slot), slot, values.data());
      }
      std::vector<float> read(head_dim);
      for (std::size_t slot = 0; slot < kBlockPositions; ++slot) {
        std::vector<float> key = Awkward(head_dim, slot);
        std::vector<float> value = Awkward(head_dim, 100 + slot);
        for (float& element : key) element = Rounded(type, element);
        for (float& element : value) element = Rounded(type, element);
        ReadKey(type, keys.data(), slot, read);
        EXPECT_TRUE(SameBits(read, key)) << Name(type) << ", " << head_dim << ", slot " << slot;
        ReadValue(type, values.data(), slot, read);
        EXPECT_TRUE(SameBits(read, value)) << Name(type) << ", " << head_dim << ", slot " << slot;
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

TEST(KvBlockTest, AWriteTouchesItsOwnElementsAlone) {
  for (const KvType type : kKvTypes) {
    for (const std::size_t head_dim : kHeadSizes) {
      const std::vector<float> row = Numbers(head_dim).Next(head_dim);
      for (std::size_t slot = 0; slot < kBlockPositions; ++slot) {
        EXPECT_EQ(BytesWritten(KeyBytes(type, head_dim),
                               [&](std::byte* block) { WriteKey(type, row, slot, block); }),
                  head_dim * BytesPerElement(type));
        EXPECT_EQ(BytesWritten(ValueBytes(type, head_dim),
                               [&](std::byte* block) { WriteValue(type, row, slot, block); }),
                  head_dim * BytesPerElement(type));
      }
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
