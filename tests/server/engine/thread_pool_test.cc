// SPDX-License-Identifier: Apache-2.0

#include "server/engine/thread_pool.h"

#include <atomic>
#include <barrier>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <new>
#include <random>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "server/engine/affinity.h"
#include "server/engine/mutex.h"
#include "tests/support/status_matchers.h"

namespace cascade::server {
namespace {

using cascade::testing::IsInvalid;
using cascade::testing::IsOk;
using model::IndexRange;

struct PoolShape {
  std::size_t threads;
  WaitStrategy strategy = WaitStrategy::kSpin;
};

class ThreadPoolTest : public ::testing::TestWithParam<PoolShape> {
 protected:
  static std::size_t Threads() { return GetParam().threads; }

  ThreadPool pool_{GetParam().threads, GetParam().strategy};
};

INSTANTIATE_TEST_SUITE_P(Threads, ThreadPoolTest,
                         ::testing::Values(PoolShape{1}, PoolShape{2}, PoolShape{3}, PoolShape{4},
                                           PoolShape{4, WaitStrategy::kSleep},
                                           PoolShape{8, WaitStrategy::kSleep}),
                         [](const auto& shape) {
                           const bool spins = shape.param.strategy == WaitStrategy::kSpin;
                           return absl::StrCat(shape.param.threads, spins ? "Spin" : "Sleep");
                         });

TEST_P(ThreadPoolTest, CountsItsCaller) { EXPECT_EQ(pool_.threads(), Threads()); }

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
      ASSERT_LE(ranges, 8 * pool_.threads());
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
  pool_.ForRanges(Threads(), 1, [&](IndexRange) {
    const MutexLock lock(mu);  // each waits for all: fewer threads than ranges would hang
    here.insert(std::this_thread::get_id());
    all_here.notify_all();
    while (here.size() < Threads()) all_here.wait(mu);
  });
  EXPECT_EQ(here.size(), Threads());
  EXPECT_TRUE(here.contains(std::this_thread::get_id()));
}

// A thread that does not get on holds nobody up: the others do all that is left of its share.
TEST_P(ThreadPoolTest, OthersTakeTheRangesOfAThreadThatIsHeldUp) {
  if (Threads() == 1) GTEST_SKIP() << "there are no others";
  constexpr std::size_t kRanges = 8;  // of each thread
  const std::size_t all = kRanges * Threads();
  std::atomic<std::size_t> ended = 0;
  std::atomic<bool> is_held = false;
  pool_.ForRanges(all, 1, [&](IndexRange range) {
    ASSERT_EQ(range.end, range.begin + 1);
    if (!is_held.exchange(true)) {
      while (ended < all - 1) std::this_thread::yield();  // a static split hangs here
    }
    ++ended;
  });
  EXPECT_EQ(ended, all);
}

TEST_P(ThreadPoolTest, AnExceptionReachesTheCallerOnceAllRangesHaveEnded) {
  for (std::size_t thrower = 0; thrower < Threads(); ++thrower) {
    std::atomic<std::size_t> ended = 0;
    const auto body = [&](IndexRange range) {
      ++ended;
      if (range.begin == thrower) throw std::bad_alloc();
    };
    EXPECT_THROW(pool_.ForRanges(Threads(), 1, body), std::bad_alloc) << "range " << thrower;
    EXPECT_EQ(ended, Threads());
  }
  const auto all_throw = [](IndexRange) { throw std::bad_alloc(); };
  EXPECT_THROW(pool_.ForRanges(Threads(), 1, all_throw), std::bad_alloc);
  std::atomic<std::size_t> visited = 0;
  pool_.ForRanges(Threads(), 1, [&](IndexRange) { ++visited; });  // the failure is forgotten
  EXPECT_EQ(visited, Threads());
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

// One letter for each of the pool's threads in this process: 'S' is asleep, 'R' runs.
std::string StatesOfPoolThreads() {
  std::string states;
  for (const auto& task : std::filesystem::directory_iterator("/proc/self/task")) {
    std::string stat;
    std::getline(std::ifstream(task.path() / "stat"), stat);
    const std::size_t name = stat.find("(cascade-pool) ");
    if (name != std::string::npos) states += stat[stat.find(')') + 2];
  }
  return states;
}

TEST(ThreadPoolLifeTest, PoolsComeAndGoUnused) {
  for (int i = 0; i < 50; ++i) const ThreadPool pool(4);
}

TEST(ThreadPoolLifeTest, AnIdlePoolSleeps) {
  ThreadPool pool(4);
  std::atomic<std::size_t> ranges = 0;
  pool.ForRanges(4, 1, [&](IndexRange) { ++ranges; });
  while (StatesOfPoolThreads() != "SSS") std::this_thread::yield();  // a spinning pool hangs here
  pool.ForRanges(4, 1, [&](IndexRange) { ++ranges; });
  EXPECT_EQ(ranges, 8U);
}

TEST(ThreadPoolLifeTest, PinsEachThreadToItsOwnCpu) {
  const std::vector<int> allowed = AllowedCpus();
  ThreadPool pool(4);
  std::vector<int> cpus(4);
  for (std::size_t i = 0; i < cpus.size(); ++i) cpus[i] = allowed[i % allowed.size()];
  ASSERT_THAT(pool.Pin(cpus), IsOk());
  std::multiset<std::vector<int>> seen;
  std::barrier all_here(4);  // so that nobody takes another thread's range
  Mutex mu;
  pool.ForRanges(4, 1, [&](IndexRange) {
    all_here.arrive_and_wait();
    const MutexLock lock(mu);
    seen.insert(AllowedCpus());
  });
  // The caller's CPUs are its own affair.
  EXPECT_THAT(seen, ::testing::UnorderedElementsAre(allowed, ::testing::ElementsAre(cpus[1]),
                                                    ::testing::ElementsAre(cpus[2]),
                                                    ::testing::ElementsAre(cpus[3])));
}

TEST(ThreadPoolLifeTest, APinThatFailsNamesTheCpuAndLeavesAPoolThatWorks) {
  ThreadPool pool(2);
  const std::vector<int> nowhere = {0, 8191};
  EXPECT_THAT(pool.Pin(nowhere), IsInvalid({"CPU 8191"}));
  std::atomic<std::size_t> ranges = 0;
  pool.ForRanges(2, 1, [&](IndexRange) { ++ranges; });
  EXPECT_EQ(ranges, 2U);
}

TEST(EpochCounterTest, WaitsForTheValueAndPassesOnWhatWasWrittenBefore) {
  for (const WaitStrategy strategy : {WaitStrategy::kSpin, WaitStrategy::kSleep}) {
    EpochCounter ping;
    EpochCounter pong;
    int ball = 0;  // each side writes it in turn
    std::thread other([&] {
      for (std::uint32_t i = 1; i <= 1000; ++i) {
        ping.WaitFor(i, strategy);
        ++ball;
        pong.Advance();
      }
    });
    for (std::uint32_t i = 1; i <= 1000; ++i) {
      ++ball;
      ping.Advance();
      pong.WaitFor(i, strategy);
      ASSERT_EQ(ball, 2 * static_cast<int>(i));
    }
    other.join();
  }
}

}  // namespace
}  // namespace cascade::server
