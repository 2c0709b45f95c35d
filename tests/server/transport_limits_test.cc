// SPDX-License-Identifier: Apache-2.0

#include "server/transport_limits.h"

#include <cstdint>

#include "gtest/gtest.h"
#include "server/options.h"

namespace cascade::server {
namespace {

constexpr std::uint64_t kMiB = 1 << 20;

Options WithMemory(std::uint64_t mebibytes) {
  Options options;
  options.memory_bytes = mebibytes * kMiB;
  return options;
}

TEST(TransportLimitsTest, CallsMayHoldAnEighthOfTheMemoryWithinLimits) {
  EXPECT_EQ(ServingLimitsOf(WithMemory(100)).call_memory_bytes, 32 * kMiB);
  EXPECT_EQ(ServingLimitsOf(WithMemory(512)).call_memory_bytes, 64 * kMiB);
  EXPECT_EQ(ServingLimitsOf(WithMemory(64 << 10)).call_memory_bytes, 1024 * kMiB);
  Options options = WithMemory(512);
  options.call_memory_bytes = 16 * kMiB;
  EXPECT_EQ(ServingLimitsOf(options).call_memory_bytes, 16 * kMiB);
}

TEST(TransportLimitsTest, WhatTheProcessMayHoldLeavesTheKernelAnEighth) {
  EXPECT_EQ(MemoryBound(WithMemory(512), 300 * kMiB), 448 * kMiB);
}

TEST(TransportLimitsTest, WhereMemoryIsPlentyTheProcessMayHoldWhatCallsCanNeed) {
  EXPECT_EQ(MemoryBound(WithMemory(64 << 10), 300 * kMiB), (300 + 4 * 1024 + 256) * kMiB);
}

TEST(TransportLimitsTest, CallsHaveRoomHoweverLittleMemoryThereIs) {
  EXPECT_EQ(MemoryBound(WithMemory(512), 600 * kMiB), (600 + 64) * kMiB);
}

}  // namespace
}  // namespace cascade::server
