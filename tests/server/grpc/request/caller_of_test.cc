// SPDX-License-Identifier: Apache-2.0

#include "server/grpc/request/caller_of.h"

#include "absl/time/clock.h"
#include "gtest/gtest.h"
#include "server/grpc/auth/tenant.h"

namespace cascade::server {
namespace {

TEST(CallerOfTest, TheConnectionDoesNotMatter) {
  EXPECT_EQ(CallerName("ipv4:192.0.2.1:5000"), "192.0.2.1");
  EXPECT_EQ(CallerName("ipv4:192.0.2.1:5001"), "192.0.2.1");
  EXPECT_EQ(OwnerOf(nullptr, "ipv4:192.0.2.1:5000"), "192.0.2.1");
  EXPECT_EQ(CallerName("ipv6:[::1]:5000"), "::1");
  EXPECT_EQ(CallerName("ipv6:%5B::1%5D:5000"), "::1");
}

TEST(CallerOfTest, AnIpv4AddressIsTheSameWithinIpv6) {
  EXPECT_EQ(CallerName("ipv6:[::ffff:192.0.2.1]:5000"), "192.0.2.1");
}

TEST(CallerOfTest, AnIpv6NetworkIsOneCaller) {
  EXPECT_EQ(CallerName("ipv6:[2001:db8:1:2:3:4:5:6]:5000"), "2001:db8:1:2::/64");
  EXPECT_EQ(CallerName("ipv6:%5B2001:db8:1:2::9%5D:5000"), "2001:db8:1:2::/64");
  EXPECT_EQ(CallerName("ipv6:[fe80::1%eth0]:5000"), "fe80::1");
}

TEST(CallerOfTest, TheUnixSocketsClientsAreOneCaller) {
  EXPECT_EQ(CallerName("unix:/run/cascade.sock"), "unix");
  EXPECT_EQ(CallerName("unix:"), "unix");
}

TEST(CallerOfTest, WhoHasATokenOwnsByItsName) {
  const Tenant tenant({.name = "alice"}, absl::Now());
  EXPECT_EQ(OwnerOf(&tenant, "ipv4:192.0.2.1:5000"), "alice");
}

TEST(CallerOfTest, WhatIsNoAddressIsACallerToo) {
  EXPECT_EQ(CallerName(""), "");
  EXPECT_EQ(CallerName("ipv6:nonsense"), "nonsense");
  EXPECT_EQ(CallerName("ipv4:"), "");
}

}  // namespace
}  // namespace cascade::server
