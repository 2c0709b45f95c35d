#include "model/cache/block_pool.h"

#include <cstddef>
#include <random>
#include <set>
#include <vector>

#include "gtest/gtest.h"

namespace cascade::model {
namespace {

TEST(BlockPoolTest, HandsOutEveryBlockOnce) {
  BlockPool pool(5);
  std::set<BlockId> ids;
  while (pool.free_blocks() > 0) ids.insert(pool.Acquire().id);
  EXPECT_EQ(ids.size(), 5U);
  EXPECT_EQ(*ids.rbegin(), 4U);
}

TEST(BlockPoolTest, ASharedBlockIsFreeOnlyAfterItsLastHolder) {
  BlockPool pool(1);
  const BlockId id = pool.Acquire().id;
  pool.AddReference(id);
  EXPECT_EQ(pool.references(id), 2U);
  pool.Release(id);
  EXPECT_EQ(pool.free_blocks(), 0U);
  pool.Release(id);
  EXPECT_EQ(pool.free_blocks(), 1U);
}

TEST(BlockPoolTest, TheLastFreedIsTheNextGiven) {
  BlockPool pool(3);
  const BlockId first = pool.Acquire().id;
  const BlockId second = pool.Acquire().id;
  pool.Release(second);
  pool.Release(first);
  EXPECT_EQ(pool.Acquire().id, first);
  EXPECT_EQ(pool.Acquire().id, second);
}

TEST(BlockPoolTest, BlocksAreConservedByAnyHistory) {
  BlockPool pool(7);
  std::mt19937 rng(1);
  std::vector<BlockId> holds;  // one entry a holder
  for (int step = 0; step < 20000; ++step) {
    const auto what = rng() % 3;
    if (what == 0 && pool.free_blocks() > 0) {
      holds.push_back(pool.Acquire().id);
      ASSERT_EQ(pool.references(holds.back()), 1U);
    } else if (what == 1 && !holds.empty()) {
      holds.push_back(holds[rng() % holds.size()]);
      pool.AddReference(holds.back());
    } else if (!holds.empty()) {
      const std::size_t victim = rng() % holds.size();
      pool.Release(holds[victim]);
      holds[victim] = holds.back();
      holds.pop_back();
    }
    ASSERT_EQ(pool.free_blocks() + std::set<BlockId>(holds.begin(), holds.end()).size(),
              pool.num_blocks());
  }
}

}  // namespace
}  // namespace cascade::model
