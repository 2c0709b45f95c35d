// SPDX-License-Identifier: Apache-2.0

#include "model/cache/block_pool.h"

#include <algorithm>
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

TEST(BlockPoolTest, AKeptBlockIsIdleAfterItsLastHolderAndStillFree) {
  BlockPool pool(2);
  const BlockId id = pool.Acquire().id;
  pool.Keep(id);
  EXPECT_EQ(pool.idle_blocks(), 0U);
  pool.Release(id);
  EXPECT_EQ(pool.idle_blocks(), 1U);
  EXPECT_EQ(pool.free_blocks(), 2U);
  EXPECT_TRUE(pool.is_kept(id));
}

TEST(BlockPoolTest, EmptyBlocksGoFirstThenTheLongestIdle) {
  BlockPool pool(4);
  std::vector<BlockId> ids;
  for (int i = 0; i < 4; ++i) ids.push_back(pool.Acquire().id);
  for (const std::size_t i : {2U, 0U, 3U}) {
    pool.Keep(ids[i]);
    pool.Release(ids[i]);
  }
  pool.Release(ids[1]);
  const auto expect_next = [&](BlockId id, bool was_idle) {
    const BlockPool::Acquired acquired = pool.Acquire();
    EXPECT_EQ(acquired.id, id);
    EXPECT_EQ(acquired.was_idle, was_idle);
    EXPECT_FALSE(pool.is_kept(acquired.id)) << "what it kept is lost";
  };
  expect_next(ids[1], false);
  expect_next(ids[2], true);
  expect_next(ids[0], true);
  expect_next(ids[3], true);
  EXPECT_EQ(pool.free_blocks(), 0U);
}

TEST(BlockPoolTest, AnIdleBlockThatIsHeldAgainIsTheYoungestOfTheIdleLater) {
  BlockPool pool(2);
  const BlockId first = pool.Acquire().id;
  const BlockId second = pool.Acquire().id;
  for (const BlockId id : {first, second}) {
    pool.Keep(id);
    pool.Release(id);
  }
  pool.AddReference(first);
  EXPECT_EQ(pool.references(first), 1U);
  EXPECT_EQ(pool.idle_blocks(), 1U);
  pool.Release(first);
  EXPECT_EQ(pool.Acquire().id, second);
  EXPECT_EQ(pool.Acquire().id, first);
}

// What the pool must be like after any history, kept beside it in the plainest way.
struct Ledger {
  std::vector<BlockId> holds;  // one entry a holder
  std::set<BlockId> kept;
  std::vector<BlockId> idle;  // the longest idle first

  void Check(const BlockPool& pool) const {
    const std::set<BlockId> held(holds.begin(), holds.end());
    ASSERT_EQ(pool.free_blocks() + held.size(), pool.num_blocks());
    ASSERT_EQ(pool.idle_blocks(), idle.size());
    for (BlockId id = 0; id < pool.num_blocks(); ++id) {
      ASSERT_EQ(pool.references(id), std::ranges::count(holds, id));
      ASSERT_EQ(pool.is_kept(id), kept.contains(id));
    }
  }

  void Acquire(BlockPool& pool) {
    const BlockPool::Acquired acquired = pool.Acquire();
    ASSERT_FALSE(std::ranges::count(holds, acquired.id));
    if (acquired.was_idle) {
      ASSERT_EQ(acquired.id, idle.front());
      idle.erase(idle.begin());
      kept.erase(acquired.id);
    }
    holds.push_back(acquired.id);
  }

  void Release(BlockPool& pool, std::size_t hold) {
    const BlockId id = holds[hold];
    holds.erase(holds.begin() + static_cast<std::ptrdiff_t>(hold));
    pool.Release(id);
    if (kept.contains(id) && !std::ranges::count(holds, id)) idle.push_back(id);
  }
};

TEST(BlockPoolTest, BlocksAreConservedByAnyHistory) {
  BlockPool pool(7);
  Ledger ledger;
  std::mt19937 rng(1);
  std::size_t evictions = 0;
  for (int step = 0; step < 20000; ++step) {
    const std::size_t any = ledger.holds.empty() ? 0 : rng() % ledger.holds.size();
    const auto what = rng() % 5;
    if (what == 0 && pool.free_blocks() > 0) {
      const std::size_t idle = ledger.idle.size();
      ledger.Acquire(pool);
      evictions += idle - ledger.idle.size();
    } else if (what == 1 && !ledger.idle.empty()) {
      const std::size_t revived = rng() % ledger.idle.size();
      pool.AddReference(ledger.idle[revived]);
      ledger.holds.push_back(ledger.idle[revived]);
      ledger.idle.erase(ledger.idle.begin() + static_cast<std::ptrdiff_t>(revived));
    } else if (what == 2 && !ledger.holds.empty()) {
      pool.AddReference(ledger.holds[any]);
      ledger.holds.push_back(ledger.holds[any]);
    } else if (what == 3 && !ledger.holds.empty()) {
      pool.Keep(ledger.holds[any]);
      ledger.kept.insert(ledger.holds[any]);
    } else if (!ledger.holds.empty()) {
      ledger.Release(pool, any);
    }
    ledger.Check(pool);
    if (::testing::Test::HasFatalFailure()) FAIL() << "after step " << step;
  }
  EXPECT_GT(evictions, 100U);
}

}  // namespace
}  // namespace cascade::model
