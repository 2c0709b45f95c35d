// SPDX-License-Identifier: Apache-2.0

#include "server/listener/peer.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <optional>
#include <string>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"

namespace cascade::server {
namespace {

std::string Ipv4Peer(const char* text) {
  sockaddr_storage storage = {};
  auto& address = reinterpret_cast<sockaddr_in&>(storage);
  address.sin_family = AF_INET;
  EXPECT_EQ(inet_pton(AF_INET, text, &address.sin_addr), 1);
  return AddressName(storage);
}

std::string Ipv6Peer(const char* text) {
  sockaddr_storage storage = {};
  auto& address = reinterpret_cast<sockaddr_in6&>(storage);
  address.sin6_family = AF_INET6;
  EXPECT_EQ(inet_pton(AF_INET6, text, &address.sin6_addr), 1);
  return AddressName(storage);
}

TEST(PeerTest, AnIpv4AddressIsOnePeerHoweverItIsCarried) {
  EXPECT_EQ(Ipv4Peer("192.0.2.1"), "192.0.2.1");
  EXPECT_EQ(Ipv6Peer("::ffff:192.0.2.1"), "192.0.2.1");
  EXPECT_NE(Ipv4Peer("192.0.2.1"), Ipv4Peer("192.0.2.2"));
}

TEST(PeerTest, AnIpv6NetworkIsOnePeer) {
  EXPECT_EQ(Ipv6Peer("2001:db8:1:2:3:4:5:6"), "2001:db8:1:2::/64");
  EXPECT_EQ(Ipv6Peer("2001:db8:1:2:ffff::1"), "2001:db8:1:2::/64");
  EXPECT_EQ(Ipv6Peer("2001:db8:1:3::1"), "2001:db8:1:3::/64");
}

TEST(PeerTest, AddressesOfTheLinkAndOfThisMachineStandAlone) {
  EXPECT_EQ(Ipv6Peer("fe80::1"), "fe80::1");
  EXPECT_EQ(Ipv6Peer("fe80::2"), "fe80::2");
  EXPECT_EQ(Ipv6Peer("::1"), "::1");
}

TEST(PeerTest, AUnixSocketsPeerIsItsAccount) {
  int pair[2] = {-1, -1};
  ASSERT_EQ(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
  EXPECT_EQ(PeerOf(pair[0]), absl::StrCat("uid:", getuid()));
  close(pair[0]);
  close(pair[1]);
}

TEST(PeerTest, WhatIsNoConnectionHasNoPeer) { EXPECT_EQ(PeerOf(-1), std::nullopt); }

}  // namespace
}  // namespace cascade::server
