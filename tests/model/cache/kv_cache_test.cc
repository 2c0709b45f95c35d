// What the cache promises beside checkpoint 3 (tests/checkpoints/checkpoint_03_kv_cache_test.cc).
#include "model/cache/kv_cache.h"

#include <cstddef>
#include <limits>
#include <optional>
#include <utility>

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
