// SPDX-License-Identifier: Apache-2.0

#include "server/listener/listening_socket.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include <fstream>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/server/raw_connection.h"
#include "tests/support/status_matchers.h"
#include "tests/support/temp_dir.h"
#include "tests/support/value_or_die.h"

namespace cascade::server {
namespace {

using ::cascade::testing::IsOk;
using ::cascade::testing::RawConnection;
using ::cascade::testing::Refuses;
using ::cascade::testing::TempDir;
using ::cascade::testing::ValueOrDie;

constexpr mode_t kMode = 0600;

auto CannotListen(std::vector<std::string> parts) {
  parts.insert(parts.begin(), "cannot listen on ");
  return Refuses(absl::StatusCode::kUnavailable, std::move(parts));
}

int PortOf(const std::string& address) { return std::stoi(address.substr(address.rfind(':') + 1)); }

int PortOf(const FileDescriptor& socket) {
  sockaddr_storage name = {};
  socklen_t size = sizeof(name);
  getsockname(socket.get(), reinterpret_cast<sockaddr*>(&name), &size);
  return ntohs(reinterpret_cast<const sockaddr_in&>(name).sin_port);
}

int Option(const FileDescriptor& socket, int level, int name) {
  int value = -1;
  socklen_t size = sizeof(value);
  EXPECT_EQ(getsockopt(socket.get(), level, name, &value, &size), 0);
  return value;
}

FileDescriptor AcceptOne(const FileDescriptor& listening) {
  pollfd readable = {.fd = listening.get(), .events = POLLIN, .revents = 0};
  EXPECT_EQ(poll(&readable, 1, -1), 1);
  return FileDescriptor(accept4(listening.get(), nullptr, nullptr, SOCK_CLOEXEC));
}

TEST(ListenOnTest, TakesAFreePortAndTellsIt) {
  const ListeningSockets listening = ValueOrDie(ListenOn("127.0.0.1:0", kMode));
  ASSERT_EQ(listening.sockets.size(), 1U);
  EXPECT_TRUE(absl::StartsWith(listening.dial_address, "127.0.0.1:"));
  EXPECT_EQ(PortOf(listening.dial_address), PortOf(listening.sockets.front()));
  const RawConnection client(listening.dial_address);
  EXPECT_TRUE(AcceptOne(listening.sockets.front()).valid());
}

TEST(ListenOnTest, LocalhostIsOnePortOnEachOfItsAddresses) {
  const ListeningSockets listening = ValueOrDie(ListenOn("localhost:0", kMode));
  ASSERT_FALSE(listening.sockets.empty());
  for (const FileDescriptor& socket : listening.sockets) {
    EXPECT_EQ(PortOf(socket), PortOf(listening.dial_address));
  }
}

TEST(ListenOnTest, EveryInterfaceIsThatOfIpv4Too) {
  for (const char* address : {"0.0.0.0:0", "[::]:0"}) {
    const ListeningSockets listening = ValueOrDie(ListenOn(address, kMode));
    ASSERT_EQ(listening.sockets.size(), 1U);
    EXPECT_TRUE(absl::StartsWith(listening.dial_address, "localhost:"));
    const RawConnection client(absl::StrCat("127.0.0.1:", PortOf(listening.dial_address)));
    EXPECT_TRUE(AcceptOne(listening.sockets.front()).valid());
  }
}

TEST(ListenOnTest, ConnectionsSendAtOnceAndGiveUpADeadPeer) {
  const ListeningSockets listening = ValueOrDie(ListenOn("127.0.0.1:0", kMode));
  const RawConnection client(listening.dial_address);
  const FileDescriptor connection = AcceptOne(listening.sockets.front());
  EXPECT_EQ(Option(connection, IPPROTO_TCP, TCP_NODELAY), 1);
  EXPECT_EQ(Option(connection, IPPROTO_TCP, TCP_USER_TIMEOUT), 20'000);
}

TEST(ListenOnTest, ATakenPortIsInUse) {
  const ListeningSockets listening = ValueOrDie(ListenOn("127.0.0.1:0", kMode));
  for (const char* host : {"127.0.0.1", "localhost", "0.0.0.0", "[::]"}) {
    const std::string address = absl::StrCat(host, ":", PortOf(listening.dial_address));
    EXPECT_THAT(ListenOn(address, kMode), CannotListen({address, "Address already in use"}));
  }
}

TEST(ListenOnTest, APortIsFreeOnceItsOwnerIsGoneEvenIfAConnectionWaitsForItsEnd) {
  std::string address;
  {
    const ListeningSockets listening = ValueOrDie(ListenOn("127.0.0.1:0", kMode));
    address = listening.dial_address;
    const RawConnection client(address);
    AcceptOne(listening.sockets.front()).Close();  // the server's side waits (TIME_WAIT)
    client.WaitForEnd();
  }
  EXPECT_THAT(ListenOn(address, kMode), IsOk());
}

TEST(ListenOnTest, AnAddressOfAnotherMachineCannotBeListenedOn) {
  EXPECT_THAT(ListenOn("192.0.2.1:0", kMode),  // reserved for documentation
              CannotListen({"Cannot assign requested address"}));
}

TEST(ListenOnTest, AHostMustResolve) {
  EXPECT_THAT(ListenOn("no-such-host.invalid:0", kMode), CannotListen({"no-such-host.invalid"}));
}

TEST(ListenOnTest, AnotherFormIsInvalid) {
  EXPECT_THAT(ListenOn("nowhere", kMode), cascade::testing::IsInvalid({"HOST:PORT"}));
}

TEST(ListenOnTest, ASocketFileHasTheModeWhateverTheUmask) {
  const TempDir folder;
  const std::string path = folder.PathOf("socket");
  const mode_t umask_before = umask(077);
  for (const mode_t mode : {0600U, 0660U, 0666U}) {
    const ListeningSockets listening = ValueOrDie(ListenOn("unix:" + path, mode));
    struct stat status = {};
    ASSERT_EQ(stat(path.c_str(), &status), 0);
    EXPECT_EQ(status.st_mode & 0777U, mode);
    EXPECT_EQ(listening.dial_address, "unix:" + path);
  }
  umask(umask_before);
}

TEST(ListenOnTest, ASocketFileIsRemovedWithItsOwner) {
  const TempDir folder;
  const std::string path = folder.PathOf("socket");
  EXPECT_THAT(ListenOn("unix:" + path, kMode), IsOk());
  EXPECT_FALSE(std::ifstream(path).good());
  struct stat status = {};
  EXPECT_EQ(stat(path.c_str(), &status), -1);
}

TEST(ListenOnTest, ASocketFileIsInUseUntilItsServerIsGone) {
  const TempDir folder;
  const std::string path = folder.PathOf("socket");
  const std::string address = "unix:" + path;
  {
    const ListeningSockets listening = ValueOrDie(ListenOn(address, kMode));
    EXPECT_THAT(ListenOn(address, kMode), CannotListen({path, "Address already in use"}));
    // A server that dies leaves its file behind: a second name of it stands for that here.
    ASSERT_EQ(link(path.c_str(), (path + "2").c_str()), 0);
  }
  EXPECT_THAT(ListenOn(address + "2", kMode), IsOk());
}

TEST(ListenOnTest, AFileThatIsNoSocketIsLeftAlone) {
  const TempDir folder;
  const std::string path = folder.PathOf("precious");
  std::ofstream(path) << "data";
  EXPECT_THAT(ListenOn("unix:" + path, kMode),
              CannotListen({path, "something else than a socket"}));
  EXPECT_TRUE(std::ifstream(path).good());
}

TEST(ListenOnTest, APathMustFitASocketsName) {
  EXPECT_THAT(ListenOn("unix:/" + std::string(200, 'x'), kMode), CannotListen({"shorter than"}));
}

}  // namespace
}  // namespace cascade::server
