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
#include "model/kernels/kv_block.h"
#include "model/layers/attention/qkv.h"
#include "tests/checkpoints/golden_model.h"

namespace cascade::model {
namespace {

using ::cascade::testing::CopyOf;
using ::cascade::testing::GoldenTensor;
using kernels::kBlockPositions;

// Keys and values of `head`, [positions, 2 * head_dim], as the cache has them.
Tensor ReadBack(const KvCache& cache, const BlockTable& blocks, HeadIndex head,
                std::size_t positions, std::size_t head_dim) {
  Tensor tensor(positions, 2 * head_dim);
  const MatF out = tensor.Rows(positions);
  const HeadKeysValues read = cache.Read(blocks, head);
  for (std::size_t p = 0; p < positions; ++p) {
    const std::size_t b = p / kBlockPositions;
    const std::size_t slot = p % kBlockPositions;
    kernels::ReadKey(cache.type(), read.keys.Block(b), slot, out.Row(p).first(head_dim));
    kernels::ReadValue(cache.type(), read.values.Block(b), slot, out.Row(p).subspan(head_dim));
  }
  return tensor;
}

// Keys and values of `head` in a qkv buffer, likewise.
Tensor FromQkv(MatF qkv, std::size_t head, std::size_t head_dim) {
  Tensor tensor(qkv.rows(), 2 * head_dim);
  const MatF out = tensor.Rows(qkv.rows());
  for (std::size_t r = 0; r < qkv.rows(); ++r) {
    std::ranges::copy(Head(Keys(qkv), head, head_dim).Row(r), out.Row(r).begin());
    std::ranges::copy(Head(Values(qkv), head, head_dim).Row(r),
                      out.Row(r).subspan(head_dim).begin());
  }
  return tensor;
}

// Writes all heads of `layer` in pieces of the given sizes; what is left goes in one piece.
void WriteInPieces(const ModelConfig& config, std::size_t layer, MatF qkv,
                   const std::vector<std::size_t>& pieces, const BlockTable& blocks,
                   KvCache& cache) {
  std::size_t start = 0;
  const auto write = [&](std::size_t rows) {
    for (std::size_t head = 0; head < config.n_head; ++head) {
      cache.Write(blocks, {layer, head}, start,
                  Head(Keys(qkv), head, config.head_dim()).Rows(start, rows),
                  Head(Values(qkv), head, config.head_dim()).Rows(start, rows));
    }
    start += rows;
  };
  for (const std::size_t rows : pieces) write(rows);
  if (start < qkv.rows()) write(qkv.rows() - start);
}

class Checkpoint03KvCache : public testing::CheckpointTest {
 protected:
  Checkpoint03KvCache() : CheckpointTest(testing::checkpoints::kKvCache) {}
};

TEST_P(Checkpoint03KvCache, GivesBackWhatHuggingFaceComputed) {
  const std::size_t head_dim = config().head_dim();
  for (const std::size_t layer : TracedLayers()) {
    Tensor tensor = CopyOf(Traced(layer, "attn.c_attn").AsMat());
    const MatF qkv = tensor.Rows(tensor.rows());
    for (const std::vector<std::size_t>& pieces :
         std::vector<std::vector<std::size_t>>{{}, {1, 15, 1}, {16}, {7, 8, 4}}) {
      KvCache cache = MakeCache(qkv.rows());
      const BlockTable blocks = *cache.TryAllocate(qkv.rows());
      WriteInPieces(config(), layer, qkv, pieces, blocks, cache);
      for (std::size_t head = 0; head < config().n_head; ++head) {
        Tensor actual = ReadBack(cache, blocks, {layer, head}, qkv.rows(), head_dim);
        Tensor expected = FromQkv(qkv, head, head_dim);
        ExpectMatches(actual.Rows(qkv.rows()), expected.Rows(qkv.rows()),
                      absl::StrCat("block ", layer, ", head ", head));
      }
    }
  }
}

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
  Tensor tensor = CopyOf(Traced(0, "attn.c_attn").AsMat());
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
  Tensor expected = FromQkv(qkv, 1, config().head_dim());
  EXPECT_TRUE(testing::HasTheBitsOf(actual.Rows(qkv.rows()), expected.Rows(qkv.rows())));
}

INSTANTIATE_TEST_SUITE_P(, Checkpoint03KvCache, testing::AllGoldenModels(), testing::NameOf);
INSTANTIATE_TEST_SUITE_P(, KvCacheProperties, testing::BothGoldenModels(), testing::NameOf);

}  // namespace
}  // namespace cascade::model
