// SPDX-License-Identifier: Apache-2.0

#include "server/listener/connection_limits.h"

#include <cstdint>
#include <limits>

#include "gtest/gtest.h"

namespace cascade::server {
namespace {

constexpr std::uint64_t kMiB = std::uint64_t{1} << 20;
constexpr std::uint64_t kPlenty = std::uint64_t{1} << 40;
constexpr std::size_t kNoLimit = std::numeric_limits<std::size_t>::max();  // RLIM_INFINITY

TEST(ConnectionLimitsTest, ByDefaultDescriptorsOrMemoryDecide) {
  EXPECT_EQ(LimitsFor({}, 1024, kPlenty).total, 480U);
  EXPECT_EQ(LimitsFor({}, 65536, 512 * kMiB).total, 2048U);
  EXPECT_EQ(LimitsFor({}, kNoLimit, kPlenty).total, 10'000U);
}

TEST(ConnectionLimitsTest, APeerHasHalfByDefault) {
  EXPECT_EQ(LimitsFor({}, 1024, kPlenty).per_peer, 240U);
  ListenOptions options;
  options.max_connections = 30;
  EXPECT_EQ(LimitsFor(options, 1024, kPlenty).per_peer, 15U);
}

TEST(ConnectionLimitsTest, WhatIsAskedForHoldsAsFarAsDescriptorsSuffice) {
  ListenOptions options;
  options.max_connections = 20'000;
  options.max_connections_per_peer = 15'000;
  EXPECT_EQ(LimitsFor(options, 65536, kMiB).total, 20'000U);
  EXPECT_EQ(LimitsFor(options, 65536, kMiB).per_peer, 15'000U);
  EXPECT_EQ(LimitsFor(options, 1024, kMiB).total, 480U);
  EXPECT_EQ(LimitsFor(options, 1024, kMiB).per_peer, 480U);
}

TEST(ConnectionLimitsTest, OneConnectionIsAlwaysLetIn) {
  const ConnectionLimits limits = LimitsFor({}, 3, kMiB);
  EXPECT_EQ(limits.total, 1U);
  EXPECT_EQ(limits.per_peer, 1U);
}

}  // namespace
}  // namespace cascade::server
