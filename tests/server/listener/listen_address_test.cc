// SPDX-License-Identifier: Apache-2.0

#include "server/listener/listen_address.h"

#include "gtest/gtest.h"
#include "tests/support/status_matchers.h"

namespace cascade::server {
namespace {

using ::cascade::testing::IsInvalid;
using ::cascade::testing::IsOk;

TEST(ListenAddressTest, TakesHostsAndPortsAndPaths) {
  for (const char* address : {"localhost:50051", "0.0.0.0:0", "127.0.0.1:65535", "[::]:80",
                              "[::1]:80", "my-host.example:1", "unix:/tmp/socket", "unix:socket"}) {
    EXPECT_THAT(ParseListenAddress(address), IsOk()) << address;
  }
}

TEST(ListenAddressTest, HasHostAndPortOrPath) {
  const ListenAddress host = *ParseListenAddress("[::1]:80");
  EXPECT_EQ(host.host, "::1");
  EXPECT_EQ(host.port, "80");
  EXPECT_EQ(host.unix_path, "");
  const ListenAddress path = *ParseListenAddress("unix:/tmp/a:1");
  EXPECT_EQ(path.host, "");
  EXPECT_EQ(path.unix_path, "/tmp/a:1");
}

TEST(ListenAddressTest, RefusesEverythingElse) {
  for (const char* address : {"", ":", "50051", "localhost", "localhost:", ":50051", "host:65536",
                              "host:-1", "host:+1", "host:1x", "::1:80", "[]:80", "unix:"}) {
    EXPECT_THAT(ParseListenAddress(address), IsInvalid({"HOST:PORT", "unix:PATH"})) << address;
  }
}

TEST(ListenAddressTest, ClientsDialAHostThatTheyCanReach) {
  EXPECT_EQ(DialAddress("0.0.0.0:0", 1234), "localhost:1234");
  EXPECT_EQ(DialAddress("[::]:80", 80), "localhost:80");
  EXPECT_EQ(DialAddress("[::1]:0", 99), "[::1]:99");
  EXPECT_EQ(DialAddress("127.0.0.1:0", 7), "127.0.0.1:7");
  EXPECT_EQ(DialAddress("unix:/tmp/s", 1), "unix:/tmp/s");
}

}  // namespace
}  // namespace cascade::server
