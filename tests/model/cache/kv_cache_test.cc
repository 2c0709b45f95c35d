// What the cache promises beside checkpoint 3 (tests/checkpoints/checkpoint_03_kv_cache_test.cc).
#include "model/cache/kv_cache.h"

#include <cstddef>
#include <limits>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace cascade::model {
namespace {

using ::testing::HasSubstr;

ModelConfig TinyConfig() { return {.n_layer = 2, .n_head = 2, .n_embd = 6, .n_ctx = 64}; }

TEST(KvCacheTest, CountsBlocksAndBytes) {
  EXPECT_EQ(KvCache::BlocksFor(0), 0U);
  EXPECT_EQ(KvCache::BlocksFor(1), 1U);
  EXPECT_EQ(KvCache::BlocksFor(16), 1U);
  EXPECT_EQ(KvCache::BlocksFor(17), 2U);
  // 2 layers, keys and values, 6 floats a position, 16 positions.
  EXPECT_EQ(KvCache::BytesPerBlock(TinyConfig()), std::size_t{2} * 2 * 6 * 16 * sizeof(float));
}

TEST(KvCacheTest, SixteenBitBlocksTakeHalfTheBytes) {
  using kernels::KvType;
  const std::size_t bytes = KvCache::BytesPerBlock(TinyConfig());
  EXPECT_EQ(KvCache::BytesPerBlock(TinyConfig(), KvType::kF32), bytes);
  EXPECT_EQ(KvCache::BytesPerBlock(TinyConfig(), KvType::kF16), bytes / 2);
  // Heads of 3: the keys' rows come in pairs, so a fourth is added.
  EXPECT_EQ(KvCache::BytesPerBlock(TinyConfig(), KvType::kBf16),
            bytes / 2 + std::size_t{2} * 2 * 16 * 2);
}

// The key, then the value, of a position as the cache has them.
std::vector<float> ReadBack(const KvCache& cache, const BlockTable& blocks, HeadIndex head,
                            std::size_t position) {
  const HeadKeysValues read = cache.Read(blocks, head);
  const std::size_t b = position / kernels::kBlockPositions;
  const std::size_t slot = position % kernels::kBlockPositions;
  std::vector<float> both(6);
  kernels::ReadKey(cache.type(), read.keys.Block(b), slot, std::span(both).first(3));
  kernels::ReadValue(cache.type(), read.values.Block(b), slot, std::span(both).last(3));
  return both;
}

// What a write of `row` to one head reads as, and everything else zero.
void ExpectWriteReadsAs(kernels::KvType type, const std::vector<float>& row,
                        const std::vector<float>& rounded) {
  KvCache cache = *KvCache::Create(TinyConfig(), 2, type);
  EXPECT_EQ(cache.type(), type);
  const BlockTable blocks = *cache.TryAllocate(32);
  const ConstMatF keys(row.data(), 1, 3);
  const ConstMatF values(row.data() + 3, 1, 3);
  cache.Write(blocks, {.layer = 1, .head = 0}, 17, keys, values);
  for (std::size_t layer = 0; layer < 2; ++layer) {
    for (std::size_t head = 0; head < 2; ++head) {
      for (std::size_t position = 0; position < 32; ++position) {
        const bool written = layer == 1 && head == 0 && position == 17;
        EXPECT_EQ(ReadBack(cache, blocks, {layer, head}, position),
                  written ? rounded : std::vector<float>(6))
            << std::string(Name(type)) << " [" << layer << ", " << head << ", " << position << "]";
      }
    }
  }
}

TEST(KvCacheTest, AWriteIsRoundedToTheTypeToNearestEven) {
  const std::vector<float> row = {0x1.01p0F, 0x1.03p0F, -0x1.0001p0F, 0x1.002p0F, 0x1.006p0F, 3.0F};
  ExpectWriteReadsAs(kernels::KvType::kF32, row, row);
  ExpectWriteReadsAs(kernels::KvType::kBf16, row, {1.0F, 0x1.04p0F, -1.0F, 1.0F, 1.0F, 3.0F});
  ExpectWriteReadsAs(kernels::KvType::kF16, row,
                     {0x1.01p0F, 0x1.03p0F, -1.0F, 1.0F, 0x1.008p0F, 3.0F});
}

TEST(KvCacheTest, GivesAllOfWhatIsAskedOrNothing) {
  KvCache cache = *KvCache::Create(TinyConfig(), 3);
  std::optional<BlockTable> two = cache.TryAllocate(17);
  ASSERT_TRUE(two.has_value());
  EXPECT_EQ(two->capacity(), 32U);
  EXPECT_EQ(cache.free_blocks(), 1U);
  EXPECT_FALSE(cache.TryAllocate(17).has_value());
  EXPECT_EQ(cache.free_blocks(), 1U);
}

TEST(KvCacheTest, ATableGivesItsBlocksBackExactlyOnce) {
  KvCache cache = *KvCache::Create(TinyConfig(), 4);
  {
    BlockTable table = *cache.TryAllocate(40);
    BlockTable moved = std::move(table);
    EXPECT_EQ(cache.free_blocks(), 1U);
    table = std::move(moved);
    moved = *cache.TryAllocate(1);
    EXPECT_EQ(cache.free_blocks(), 0U);
    moved = BlockTable();
    EXPECT_EQ(cache.free_blocks(), 1U);
    table.Reset();
    EXPECT_EQ(cache.free_blocks(), 4U);
    table.Reset();
  }
  EXPECT_EQ(cache.free_blocks(), 4U);
}

TEST(KvCacheTest, TablesOutliveAMoveOfTheCache) {
  KvCache cache = *KvCache::Create(TinyConfig(), 2);
  BlockTable table = *cache.TryAllocate(32);
  const KvCache moved = std::move(cache);
  table.Reset();
  EXPECT_EQ(moved.free_blocks(), 2U);
}

TEST(KvCacheTest, MoreMemoryThanThereIsIsAnErrorWithTheNumbers) {
  const auto cache = KvCache::Create(TinyConfig(), std::numeric_limits<std::size_t>::max() / 8);
  ASSERT_EQ(cache.status().code(), absl::StatusCode::kResourceExhausted);
  EXPECT_THAT(cache.status().message(), HasSubstr("blocks of 1536 bytes"));
}

}  // namespace
}  // namespace cascade::model
