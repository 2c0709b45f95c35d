// SPDX-License-Identifier: Apache-2.0

#include "server/listener/memory_guard.h"

#include <cstdint>

#include "gtest/gtest.h"

namespace cascade::server {
namespace {

constexpr std::uint64_t kMiB = 1 << 20;

class MemoryGuardTest : public ::testing::Test {
 protected:
  // Looks while the process holds `mebibytes`.
  bool GrowsAt(std::uint64_t mebibytes) {
    held_ = mebibytes * kMiB;
    return guard_.GrowsBeyondBound();
  }

  std::uint64_t held_ = 0;
  MemoryGuard guard_{[this] { return held_; }};
};

TEST_F(MemoryGuardTest, WithoutABoundNothingIsTooMuch) {
  EXPECT_FALSE(GrowsAt(1 << 20));
  EXPECT_FALSE(GrowsAt(1 << 30));
}

TEST_F(MemoryGuardTest, TellsOfGrowthBeyondTheBoundOnly) {
  guard_.SetBound(100 * kMiB);
  EXPECT_FALSE(GrowsAt(50));
  EXPECT_FALSE(GrowsAt(100));
  EXPECT_TRUE(GrowsAt(101));
  EXPECT_EQ(guard_.held_bytes(), 101 * kMiB);
}

TEST_F(MemoryGuardTest, TellsAgainWhileItGrowsButNotWhenItStays) {
  guard_.SetBound(100 * kMiB);
  EXPECT_TRUE(GrowsAt(150));
  EXPECT_FALSE(GrowsAt(150));
  EXPECT_FALSE(GrowsAt(152));  // noise
  EXPECT_TRUE(GrowsAt(160));
  EXPECT_FALSE(GrowsAt(160));
  EXPECT_FALSE(GrowsAt(130));
  EXPECT_TRUE(GrowsAt(140));  // from what it had fallen to
}

TEST_F(MemoryGuardTest, SlowGrowthAddsUp) {
  guard_.SetBound(100 * kMiB);
  EXPECT_TRUE(GrowsAt(101));
  int told = 0;
  for (std::uint64_t mebibytes = 102; mebibytes <= 200; ++mebibytes) told += GrowsAt(mebibytes);
  EXPECT_GE(told, 15);
}

TEST_F(MemoryGuardTest, ABoundThatIsLoweredHoldsAtOnce) {
  guard_.SetBound(200 * kMiB);
  EXPECT_FALSE(GrowsAt(150));
  guard_.SetBound(100 * kMiB);
  EXPECT_TRUE(GrowsAt(150));
}

TEST_F(MemoryGuardTest, LooksMoreOftenNearTheBound) {
  EXPECT_FALSE(GrowsAt(1));
  const absl::Duration far = guard_.UntilNextLook();
  guard_.SetBound(400 * kMiB);
  EXPECT_FALSE(GrowsAt(1));
  const absl::Duration nearer = guard_.UntilNextLook();
  EXPECT_FALSE(GrowsAt(399));
  const absl::Duration near = guard_.UntilNextLook();
  EXPECT_GT(far, nearer);
  EXPECT_GT(nearer, near);
  EXPECT_GT(near, absl::ZeroDuration());
}

}  // namespace
}  // namespace cascade::server
