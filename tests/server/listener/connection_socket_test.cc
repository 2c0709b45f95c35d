// SPDX-License-Identifier: Apache-2.0

#include "server/listener/connection_socket.h"

#include <sys/socket.h>

#include <cerrno>
#include <string>
#include <thread>

#include "gtest/gtest.h"
#include "server/listener/listening_socket.h"
#include "tests/server/raw_connection.h"
#include "tests/support/temp_dir.h"
#include "tests/support/value_or_die.h"

namespace cascade::server {
namespace {

using ::cascade::testing::RawConnection;
using ::cascade::testing::TempDir;
using ::cascade::testing::ValueOrDie;

// Both ends of a connection to `address`.
struct Pair {
  explicit Pair(const std::string& address)
      : listening(ValueOrDie(ListenOn(address, 0600))), client(listening.dial_address) {
    // The sockets that listen do not block.
    while (!server.valid()) {
      server = FileDescriptor(accept(listening.sockets.front().get(), nullptr, nullptr));
    }
  }

  ListeningSockets listening;
  RawConnection client;
  FileDescriptor server;
};

TEST(ConnectionSocketTest, CountsWhatATcpSocketReceivesWhetherItIsReadOrNot) {
  const Pair pair("127.0.0.1:0");
  EXPECT_EQ(ReceivedBytes(pair.server.get()), 0U);
  pair.client.Send(std::string(1000, 'x'));
  while (ReceivedBytes(pair.server.get()) < 1000) std::this_thread::yield();
  char read = 0;
  EXPECT_EQ(recv(pair.server.get(), &read, 1, 0), 1);
  EXPECT_EQ(ReceivedBytes(pair.server.get()), 1000U);
}

TEST(ConnectionSocketTest, CountsNothingElsewhere) {
  const TempDir folder;
  const Pair pair("unix:" + folder.PathOf("s"));
  pair.client.Send("x");
  EXPECT_EQ(ReceivedBytes(pair.server.get()), 0U);
  EXPECT_EQ(ReceivedBytes(-1), 0U);
}

TEST(ConnectionSocketTest, AResetLeavesTheOwnerNothingToRead) {
  const Pair pair("127.0.0.1:0");
  pair.client.Send("never read");
  while (ReceivedBytes(pair.server.get()) == 0) std::this_thread::yield();
  const FileDescriptor duplicate(dup(pair.server.get()));
  ResetConnection(duplicate.get());
  char read = 0;
  EXPECT_LT(recv(pair.server.get(), &read, 1, 0), 0);
  EXPECT_TRUE(errno == ENOTCONN || errno == ECONNRESET) << errno;
  EXPECT_LT(recv(pair.client.fd(), &read, 1, 0), 0);
  EXPECT_EQ(errno, ECONNRESET);
}

}  // namespace
}  // namespace cascade::server
