#include "server/engine/thread_pool.h"

#include <condition_variable>
#include <cstddef>
#include <random>
#include <set>
#include <thread>
#include <vector>

#include "gtest/gtest.h"
#include "server/engine/mutex.h"

namespace cascade::server {
namespace {

using model::IndexRange;

class ThreadPoolTest : public ::testing::TestWithParam<std::size_t> {
 protected:
  ThreadPool pool_{GetParam()};
};

INSTANTIATE_TEST_SUITE_P(Threads, ThreadPoolTest, ::testing::Values(1, 2, 3, 4, 8));

TEST_P(ThreadPoolTest, SaysHowManyMayRunAtOnce) { EXPECT_EQ(pool_.concurrency(), GetParam()); }

TEST_P(ThreadPoolTest, RangesCoverEveryIndexOnceAndBeginAtMultiplesOfTheGrain) {
  for (const std::size_t grain : {1U, 2U, 3U, 16U, 1000U}) {
    for (std::size_t count = 0; count < 70; ++count) {
      std::vector<std::size_t> visits(count, 0);  // ranges are disjoint: no two threads meet
      std::vector<std::size_t> begins(count, 0);
      pool_.ForRanges(count, grain, [&](IndexRange range) {
        begins[range.begin] = 1;
        for (std::size_t i = range.begin; i < range.end; ++i) ++visits[i];
      });
      std::size_t ranges = 0;
      for (std::size_t i = 0; i < count; ++i) {
        ASSERT_EQ(visits[i], 1U) << "index " << i << " of " << count << ", grain " << grain;
        ASSERT_TRUE(begins[i] == 0 || i % grain == 0) << "a range begins at " << i;
        ranges += begins[i];
      }
      ASSERT_LE(ranges, pool_.concurrency());
    }
  }
}

TEST_P(ThreadPoolTest, TheSplitIsTheSameEveryTime) {
  const auto split = [&] {
    std::vector<std::size_t> ends(1000, 0);
    pool_.ForRanges(1000, 16, [&](IndexRange range) { ends[range.begin] = range.end; });
    return ends;
  };
  const std::vector<std::size_t> first = split();
  for (int i = 0; i < 100; ++i) ASSERT_EQ(split(), first);
}

TEST_P(ThreadPoolTest, EveryThreadTakesItsRangeAtTheSameTime) {
  Mutex mu;
  std::condition_variable_any all_here;
  std::set<std::thread::id> here;
  pool_.ForRanges(GetParam(), 1, [&](IndexRange) {
    const MutexLock lock(mu);  // each waits for all: fewer threads than ranges would hang
    here.insert(std::this_thread::get_id());
    all_here.notify_all();
    while (here.size() < GetParam()) all_here.wait(mu);
  });
  EXPECT_EQ(here.size(), GetParam());
  EXPECT_TRUE(here.contains(std::this_thread::get_id()));
}

TEST_P(ThreadPoolTest, WhatABodyWroteIsSeenByTheCallerAndTheNextRound) {
  std::vector<std::size_t> values(257, 0);
  std::mt19937 rng(3);
  constexpr std::size_t kRounds = 3000;
  for (std::size_t round = 0; round < kRounds; ++round) {
    if (round % 500 == 0) {
      // Long enough for the pool to fall asleep.
      volatile std::size_t busy = 0;
      for (std::size_t i = 0; i < 1000000; ++i) busy = busy + i;
    }
    const std::size_t grain = 1 + rng() % 32;
    pool_.ForRanges(values.size(), grain, [&](IndexRange range) {
      for (std::size_t i = range.begin; i < range.end; ++i) ++values[values.size() - 1 - i];
    });
  }
  for (const std::size_t value : values) ASSERT_EQ(value, kRounds);
}

TEST(ThreadPoolLifeTest, PoolsComeAndGoUnused) {
  for (int i = 0; i < 50; ++i) const ThreadPool pool(4);
}

}  // namespace
}  // namespace cascade::server
