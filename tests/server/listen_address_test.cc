// SPDX-License-Identifier: Apache-2.0

#include "server/listen_address.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <string>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/status_matchers.h"
#include "tests/support/temp_dir.h"

namespace cascade::server {
namespace {

using ::cascade::testing::IsInvalid;
using ::cascade::testing::IsOk;
using ::cascade::testing::Refuses;

// A socket that listens where `address` says, until it goes.
class Listener {
 public:
  Listener(const sockaddr* address, socklen_t size)
      : fd_(socket(address->sa_family, SOCK_STREAM, 0)) {
    EXPECT_EQ(bind(fd_, address, size), 0);
    EXPECT_EQ(listen(fd_, 1), 0);
  }
  Listener(const Listener&) = delete;
  Listener& operator=(const Listener&) = delete;
  ~Listener() { close(fd_); }

  int port() const {
    sockaddr_in name = {};
    socklen_t size = sizeof(name);
    EXPECT_EQ(getsockname(fd_, reinterpret_cast<sockaddr*>(&name), &size), 0);
    return ntohs(name.sin_port);
  }

 private:
  int fd_;
};

TEST(ListenAddressTest, TakesHostsAndPortsAndPaths) {
  for (const char* address : {"localhost:50051", "0.0.0.0:0", "127.0.0.1:65535", "[::]:80",
                              "[::1]:80", "my-host.example:1", "unix:/tmp/socket", "unix:socket"}) {
    EXPECT_THAT(CheckListenAddress(address), IsOk()) << address;
  }
}

TEST(ListenAddressTest, RefusesEverythingElse) {
  for (const char* address : {"", ":", "50051", "localhost", "localhost:", ":50051", "host:65536",
                              "host:-1", "host:+1", "host:1x", "::1:80", "[]:80", "unix:"}) {
    EXPECT_THAT(CheckListenAddress(address), IsInvalid({"HOST:PORT", "unix:PATH"})) << address;
  }
}

TEST(ListenAddressTest, AFreePortCanBeListenedOn) {
  EXPECT_THAT(CheckCanListen("127.0.0.1:0"), IsOk());
  EXPECT_THAT(CheckCanListen("localhost:0"), IsOk());
}

TEST(ListenAddressTest, WhatIsBoundIsTheAddressOrLoopback) {
  EXPECT_EQ(BindAddress("0.0.0.0:1"), "0.0.0.0:1");
  EXPECT_EQ(BindAddress("unix:/socket"), "unix:/socket");
  // The second where nothing resolves localhost.
  EXPECT_THAT(BindAddress("localhost:1"), ::testing::AnyOf("localhost:1", "127.0.0.1:1"));
}

TEST(ListenAddressTest, ATakenPortCannot) {
  sockaddr_in loopback = {};
  loopback.sin_family = AF_INET;
  loopback.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  const Listener listener(reinterpret_cast<sockaddr*>(&loopback), sizeof(loopback));
  for (const char* host : {"127.0.0.1", "localhost", "0.0.0.0"}) {
    const std::string address = absl::StrCat(host, ":", listener.port());
    EXPECT_THAT(CheckCanListen(address),
                Refuses(absl::StatusCode::kUnavailable,
                        std::vector<std::string>{address, "Address already in use"}));
  }
}

TEST(ListenAddressTest, AnAddressOfAnotherMachineCannot) {
  EXPECT_THAT(CheckCanListen("192.0.2.1:0"),  // reserved for documentation
              Refuses(absl::StatusCode::kUnavailable,
                      std::vector<std::string>{"Cannot assign requested address"}));
}

TEST(ListenAddressTest, ASocketFileMayBeReplacedOnceItsServerIsGone) {
  const cascade::testing::TempDir folder;
  const std::string path = folder.PathOf("socket");
  sockaddr_un name = {};
  name.sun_family = AF_UNIX;
  path.copy(name.sun_path, sizeof(name.sun_path) - 1);
  {
    const Listener listener(reinterpret_cast<sockaddr*>(&name), sizeof(name));
    EXPECT_THAT(CheckCanListen("unix:" + path),
                Refuses(absl::StatusCode::kUnavailable,
                        std::vector<std::string>{path, "Address already in use"}));
  }
  EXPECT_THAT(CheckCanListen("unix:" + path), IsOk());
}

TEST(ListenAddressTest, APathMustFitASocketsName) {
  EXPECT_THAT(CheckCanListen("unix:/" + std::string(200, 'x')),
              Refuses(absl::StatusCode::kUnavailable, std::vector<std::string>{"shorter than"}));
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
