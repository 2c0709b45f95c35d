// SPDX-License-Identifier: Apache-2.0
// Checkpoint 3: the KV cache gives back what was written, and a write touches nothing else.
#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <iterator>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "model/cache/kv_cache.h"
#include "model/checkpoints/component_runs.h"
#include "model/kernels/kv_block.h"
#include "tests/checkpoints/golden_model.h"
#include "tests/support/same_bits.h"

namespace cascade::model {
namespace {

using kernels::kBlockPositions;

class Checkpoint03KvCache : public testing::CheckpointTest {
 protected:
  Checkpoint03KvCache() : CheckpointTest(checkpoints::kKvCache) {}
};

TEST_P(Checkpoint03KvCache, GivesBackWhatHuggingFaceComputed) { Measure(MeasureKvCache); }

// Sees every float of a cache: all blocks in one table, each float a guard value of its own.
class GuardedCache {
 public:
  explicit GuardedCache(const ModelConfig& config)
      : config_(config),
        cache_(*KvCache::Create(config, kBlocks)),
        blocks_(*cache_.TryAllocate(kBlocks * kBlockPositions)) {
    Tensor guard(kBlocks * kBlockPositions, config.head_dim());
    const MatF rows = guard.Rows(guard.rows());
    ForEachHead([&](HeadIndex head) {
      for (std::size_t p = 0; p < rows.rows(); ++p) {
        std::ranges::generate(rows.Row(p), [this] { return NextGuard(); });
      }
      Tensor values = CopyOf(rows);
      for (std::size_t p = 0; p < rows.rows(); ++p) {
        for (float& value : values.Rows(values.rows()).Row(p)) value = -value;
      }
      cache_.Write(blocks_, head, 0, rows, values.Rows(values.rows()));
    });
  }

  KvCache& cache() { return cache_; }
  const BlockTable& blocks() const { return blocks_; }

  // All floats, in memory order.
  std::vector<float> Floats() const {
    std::vector<float> floats(kBlocks * KvCache::BytesPerBlock(config_) / sizeof(float));
    std::memcpy(floats.data(), cache_.Read(blocks_, {0, 0}).keys.base,
                floats.size() * sizeof(float));
    return floats;
  }

  template <typename Body>
  void ForEachHead(Body body) const {
    for (std::size_t layer = 0; layer < config_.n_layer; ++layer) {
      for (std::size_t head = 0; head < config_.n_head; ++head) body(HeadIndex{layer, head});
    }
  }

  static constexpr std::size_t kBlocks = 4;

 private:
  float NextGuard() { return std::bit_cast<float>(++guard_); }

  const ModelConfig& config_;
  KvCache cache_;
  BlockTable blocks_;
  std::uint32_t guard_ = std::bit_cast<std::uint32_t>(1.0F);
};

class KvCacheProperties : public testing::GoldenModelTest {
 protected:
  // Writes zeros for one head at [start, start + rows) and looks at every float of the cache.
  void ExpectWriteTouchesNothingElse(HeadIndex head, std::size_t start, std::size_t rows) {
    GuardedCache guarded(config());
    const std::size_t head_dim = config().head_dim();
    const std::vector<float> before = guarded.Floats();
    ASSERT_EQ(std::ranges::count(before, 0.0F), 0) << "every float has its guard";

    Tensor zeros(rows, head_dim);
    guarded.cache().Write(guarded.blocks(), head, start, zeros.Rows(rows), zeros.Rows(rows));

    const std::vector<float> after = guarded.Floats();
    std::size_t changed = 0;
    for (std::size_t i = 0; i < after.size(); ++i) {
      if (after[i] == before[i]) continue;
      ASSERT_EQ(after[i], 0.0F) << "float " << i;
      ++changed;
    }
    EXPECT_EQ(changed, 2 * rows * head_dim);
    const std::size_t positions = guarded.blocks().capacity();
    Tensor back = ReadBack(guarded.cache(), guarded.blocks(), head, positions, head_dim);
    for (std::size_t p = 0; p < positions; ++p) {
      const std::span<const float> row = back.Rows(positions).Row(p);
      const bool written = p >= start && p < start + rows;
      EXPECT_EQ(std::ranges::count(row, 0.0F), written ? std::ssize(row) : 0) << "position " << p;
    }
  }
};

TEST_P(KvCacheProperties, WriteTouchesNothingElse) {
  const HeadIndex last{config().n_layer - 1, config().n_head - 1};
  const std::size_t end = GuardedCache::kBlocks * kBlockPositions;
  for (std::size_t slot = 0; slot < kBlockPositions; ++slot) {
    ExpectWriteTouchesNothingElse({0, 1}, kBlockPositions + slot, 1);
  }
  ExpectWriteTouchesNothingElse({0, 0}, 0, 1);
  ExpectWriteTouchesNothingElse({1, 0}, 13,
                                20);  // some of a block, all of the next, some of another
  ExpectWriteTouchesNothingElse({0, 1}, 16, 16);
  ExpectWriteTouchesNothingElse(last, end - 1, 1);
  ExpectWriteTouchesNothingElse(last, 0, end);
}

TEST_P(KvCacheProperties, BlocksMayLieAnywhere) {
  Tensor tensor = CopyOf(Trace().blocks[0].c_attn.AsMat());
  const MatF qkv = tensor.Rows(tensor.rows());
  KvCache cache = MakeCache(qkv.rows() + 2 * kBlockPositions);
  std::optional<BlockTable> first = cache.TryAllocate(1);
  std::optional<BlockTable> second = cache.TryAllocate(1);
  first.reset();
  const BlockTable blocks = *cache.TryAllocate(qkv.rows());
  ASSERT_GT(blocks.ids().size(), 1U);
  ASSERT_NE(blocks.ids()[1], blocks.ids()[0] + 1) << "the test needs a gap";

  WriteInPieces(config(), 0, qkv, {5}, blocks, cache);
  Tensor actual = ReadBack(cache, blocks, {0, 1}, qkv.rows(), config().head_dim());
  Tensor expected = KeysAndValues(qkv, 1, config().head_dim());
  EXPECT_TRUE(testing::SameBits(actual.Rows(qkv.rows()), expected.Rows(qkv.rows())));
}

INSTANTIATE_TEST_SUITE_P(, Checkpoint03KvCache, testing::AllGoldenModels(), testing::NameOf);
INSTANTIATE_TEST_SUITE_P(, KvCacheProperties, testing::BothGoldenModels(), testing::NameOf);

}  // namespace
}  // namespace cascade::model
