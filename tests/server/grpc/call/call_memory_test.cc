// SPDX-License-Identifier: Apache-2.0

#include "server/grpc/call/call_memory.h"

#include <optional>
#include <utility>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace cascade::server {
namespace {

using ::testing::HasSubstr;

TEST(CallMemoryTest, GivesAsMuchAsThereIs) {
  CallMemory memory(100);
  const CallMemory::Share first = memory.TryTake(60);
  EXPECT_TRUE(first);
  EXPECT_FALSE(memory.TryTake(41));
  const CallMemory::Share second = memory.TryTake(40);
  EXPECT_TRUE(second);
  EXPECT_EQ(memory.held(), 100U);
  EXPECT_FALSE(memory.TryTake(1));
  EXPECT_TRUE(memory.TryTake(0));
}

TEST(CallMemoryTest, AShareGrowsAndGivesAllOfItBack) {
  CallMemory memory(100);
  std::optional<CallMemory::Share> share = memory.TryTake(10);
  EXPECT_TRUE(share->TryGrow(80));
  EXPECT_FALSE(share->TryGrow(11));
  EXPECT_EQ(memory.held(), 90U);
  share.reset();
  EXPECT_EQ(memory.held(), 0U);
}

TEST(CallMemoryTest, AShareThatMovesIsCountedOnce) {
  CallMemory memory(100);
  CallMemory::Share outer;
  {
    CallMemory::Share inner = memory.TryTake(70);
    outer = std::move(inner);
  }
  EXPECT_TRUE(outer);
  EXPECT_EQ(memory.held(), 70U);
  outer = memory.TryTake(20);
  outer = CallMemory::Share();
  EXPECT_EQ(memory.held(), 0U);
}

TEST(CallMemoryTest, SaysWhichFlagIsUsedUp) {
  EXPECT_THAT(CallMemory(100).Full().message(), HasSubstr("--call_memory_bytes=100"));
}

}  // namespace
}  // namespace cascade::server
