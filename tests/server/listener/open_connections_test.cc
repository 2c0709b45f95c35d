// SPDX-License-Identifier: Apache-2.0

#include "server/listener/open_connections.h"

#include <sys/socket.h>

#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>

#include "absl/time/time.h"
#include "gtest/gtest.h"
#include "server/listener/listening_socket.h"
#include "server/observability/logs.h"
#include "tests/server/raw_connection.h"
#include "tests/support/value_or_die.h"

namespace cascade::server {
namespace {

using ::cascade::testing::RawConnection;
using ::cascade::testing::ValueOrDie;

constexpr absl::Duration kNow = absl::Hours(1);
constexpr std::uint64_t kHeld = 1000;

class OpenConnectionsTest : public ::testing::Test {
 protected:
  OpenConnectionsTest() { StartLogging({.level = LogLevel::kOff}); }

  // A connection that `peer` is said to have made.
  struct Client {
    RawConnection connection;
    int watch;
  };
  Client Connect(const std::string& peer) {
    RawConnection client(listening_.dial_address);
    FileDescriptor accepted;
    while (!accepted.valid()) {  // the sockets that listen do not block
      accepted = FileDescriptor(accept(listening_.sockets.front().get(), nullptr, nullptr));
    }
    const int watch = accepted.get();
    connections_.Add(std::move(accepted), peer);
    return {std::move(client), watch};
  }

  // The transport reads what is sent: the kernel's buffers are small.
  static void Send(const Client& client, std::size_t bytes) {
    std::string room(10 << 10, 'x');
    for (; bytes > 0; bytes -= room.size()) {
      client.connection.Send(room);
      ASSERT_EQ(recv(client.watch, room.data(), room.size(), MSG_WAITALL),
                static_cast<ssize_t>(room.size()));
    }
  }

  static bool IsOpen(const Client& client) {
    char read = 0;
    return recv(client.connection.fd(), &read, 1, MSG_DONTWAIT) < 0 && errno == EAGAIN;
  }

  const ListeningSockets listening_ = ValueOrDie(ListenOn("127.0.0.1:0", 0600));
  OpenConnections connections_{{.total = 10, .per_peer = 10}};
};

TEST_F(OpenConnectionsTest, KeepsAConnectionUntilItIsRemoved) {
  EXPECT_TRUE(connections_.empty());
  const Client client = Connect("a");
  EXPECT_FALSE(connections_.empty());
  EXPECT_FALSE(connections_.Remove(-1).valid());
  EXPECT_EQ(connections_.Remove(client.watch).get(), client.watch);
  EXPECT_FALSE(connections_.Remove(client.watch).valid());
  EXPECT_TRUE(connections_.empty());
}

TEST_F(OpenConnectionsTest, ResetsWhoReceivedHalfOfAllAndShutsThePeerOutForASecond) {
  const Client heavy = Connect("heavy");
  const Client light = Connect("light");
  Send(heavy, 200 << 10);
  Send(light, 100 << 10);
  connections_.ResetHeaviest(kHeld, kNow);
  EXPECT_FALSE(IsOpen(heavy));
  EXPECT_TRUE(IsOpen(light));
  EXPECT_EQ(connections_.WhyNot("heavy", kNow), Refusal::kMemory);
  EXPECT_EQ(connections_.WhyNot("light", kNow), Refusal::kNone);
  EXPECT_EQ(connections_.WhyNot("heavy", kNow + absl::Seconds(1)), Refusal::kNone);
  connections_.NoteReceived(kNow + absl::Milliseconds(500));
  EXPECT_EQ(connections_.WhyNot("heavy", kNow + absl::Milliseconds(999)), Refusal::kMemory);
}

TEST_F(OpenConnectionsTest, ResetsSeveralThatSendAlike) {
  const Client clients[] = {Connect("a"), Connect("b"), Connect("c"), Connect("d")};
  for (const Client& client : clients) Send(client, 100 << 10);
  connections_.ResetHeaviest(kHeld, kNow);
  int open = 0;
  for (const Client& client : clients) open += IsOpen(client) ? 1 : 0;
  EXPECT_EQ(open, 2);
}

TEST_F(OpenConnectionsTest, LeavesWhoSentLittleAlone) {
  const Client client = Connect("a");
  Send(client, 60 << 10);
  connections_.ResetHeaviest(kHeld, kNow);
  EXPECT_TRUE(IsOpen(client));
}

TEST_F(OpenConnectionsTest, WhatWasReceivedLongAgoDoesNotCount) {
  const Client long_ago = Connect("long ago");
  Send(long_ago, 1000 << 10);
  connections_.NoteReceived(kNow);
  connections_.NoteReceived(kNow);
  const Client lately = Connect("lately");
  Send(lately, 70 << 10);
  connections_.ResetHeaviest(kHeld, kNow);
  EXPECT_TRUE(IsOpen(long_ago));
  EXPECT_FALSE(IsOpen(lately));
}

}  // namespace
}  // namespace cascade::server
