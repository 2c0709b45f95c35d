// SPDX-License-Identifier: Apache-2.0
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
  // A key's scale is 2 here, a value's 1: ties go to the even multiple.
  ExpectWriteReadsAs(kernels::KvType::kInt8, {254, 3, -5, 2.5F, -127, 0.25F},
                     {254, 4, -4, 2, -127, 0});
}

// Writes key and value of `position` to every head: numbers that name the writer and the place.
void WriteAllHeads(KvCache& cache, const BlockTable& blocks, std::size_t position, float writer) {
  for (std::size_t layer = 0; layer < 2; ++layer) {
    for (std::size_t head = 0; head < 2; ++head) {
      const auto place = static_cast<float>(layer * 2 + head);
      const std::vector<float> row = {writer, place, static_cast<float>(position), writer, 1, 2};
      cache.Write(blocks, {layer, head}, position, ConstMatF(row.data(), 1, 3),
                  ConstMatF(row.data() + 3, 1, 3));
    }
  }
}

// A key and a value of three elements each, rounded to the type.
std::vector<float> AsStored(kernels::KvType type, const std::vector<float>& row) {
  std::vector<std::byte> keys(kernels::KeyBytes(type, 3));
  std::vector<std::byte> values(kernels::ValueBytes(type, 3));
  kernels::WriteKeys(type, ConstMatF(row.data(), 1, 3), 0, keys.data());
  kernels::WriteValues(type, ConstMatF(row.data() + 3, 1, 3), 0, values.data());
  std::vector<float> stored(6);
  kernels::ReadKey(type, keys.data(), 0, std::span(stored).first(3));
  kernels::ReadValue(type, values.data(), 0, std::span(stored).last(3));
  return stored;
}

// That every head of the first `end` positions has what `writer` left there, of whom `writer(p)`
// tells.
template <typename Writer>
void ExpectWriters(const KvCache& cache, const BlockTable& blocks, std::size_t end, Writer writer) {
  for (std::size_t position = 0; position < end; ++position) {
    for (std::size_t layer = 0; layer < 2; ++layer) {
      for (std::size_t head = 0; head < 2; ++head) {
        const auto place = static_cast<float>(layer * 2 + head);
        const float by = writer(position);
        const std::vector<float> expected = {by, place, static_cast<float>(position), by, 1, 2};
        EXPECT_EQ(ReadBack(cache, blocks, {layer, head}, position),
                  AsStored(cache.type(), expected))
            << "[" << layer << ", " << head << ", " << position << "]";
      }
    }
  }
}

TEST(KvCacheTest, AForkHasWhatWasWrittenAndNeitherSeesWhatTheOtherWrites) {
  for (const kernels::KvType type : kernels::kKvTypes) {
    SCOPED_TRACE(std::string(Name(type)));
    KvCache cache = *KvCache::Create(TinyConfig(), 6, type);
    const BlockTable from = *cache.TryAllocate(48);
    for (std::size_t p = 0; p < 21; ++p) WriteAllHeads(cache, from, p, 1);
    const std::optional<BlockTable> fork = cache.TryFork(from, 21, 48);
    ASSERT_TRUE(fork.has_value());
    EXPECT_EQ(cache.free_blocks(), 1U) << "one block is shared";
    ExpectWriters(cache, *fork, 21, [](std::size_t) { return 1.0F; });
    for (std::size_t p = 21; p < 40; ++p) {
      WriteAllHeads(cache, from, p, 2);
      WriteAllHeads(cache, *fork, p, 3);
    }
    ExpectWriters(cache, from, 40, [](std::size_t p) { return p < 21 ? 1.0F : 2.0F; });
    ExpectWriters(cache, *fork, 40, [](std::size_t p) { return p < 21 ? 1.0F : 3.0F; });
  }
}

TEST(KvCacheTest, AForkAtABlocksEndCopiesNothing) {
  KvCache cache = *KvCache::Create(TinyConfig(), 2);
  const BlockTable from = *cache.TryAllocate(16);
  for (std::size_t p = 0; p < 16; ++p) WriteAllHeads(cache, from, p, 1);
  const BlockTable fork = *cache.TryFork(from, 16, 17);
  EXPECT_EQ(cache.free_blocks(), 0U);
  WriteAllHeads(cache, fork, 16, 2);
  ExpectWriters(cache, fork, 17, [](std::size_t p) { return p < 16 ? 1.0F : 2.0F; });
}

TEST(KvCacheTest, AForkThatDoesNotFitIsRefused) {
  KvCache cache = *KvCache::Create(TinyConfig(), 3);
  const BlockTable from = *cache.TryAllocate(32);
  EXPECT_FALSE(cache.TryFork(from, 20, 33).has_value());
  EXPECT_EQ(cache.free_blocks(), 1U);
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
