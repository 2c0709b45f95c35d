// SPDX-License-Identifier: Apache-2.0

#include "server/listener/hand_over_threads.h"

#include <sys/socket.h>

#include <atomic>
#include <cstddef>
#include <memory>
#include <thread>
#include <vector>

#include "absl/time/time.h"
#include "gtest/gtest.h"
#include "server/listener/file_descriptor.h"
#include "server/observability/logs.h"

namespace cascade::server {
namespace {

// A connection whose client is this test.
struct Connection {
  Connection() {
    int ends[2] = {-1, -1};
    EXPECT_EQ(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
    client = FileDescriptor(ends[0]);
    server = FileDescriptor(ends[1]);
  }

  FileDescriptor client;
  FileDescriptor server;
};

// A transport that greets each client, then reads until the connection ends: as long as a client
// keeps its connection, it keeps the thread.
class HandOverThreadsTest : public ::testing::Test {
 protected:
  HandOverThreadsTest() { StartLogging({.level = LogLevel::kOff}); }

  void Start(std::size_t ways) {
    threads_ = std::make_unique<HandOverThreads>(
        std::vector<HandOverThreads::HandOver>(ways, [this](FileDescriptor connection) {
          send(connection.get(), "x", 1, MSG_NOSIGNAL);
          char read = 0;
          while (recv(connection.get(), &read, 1, 0) > 0) {
          }
          ++ended_;
        }));
  }

  // Calls Attend as time passes until the client is greeted. A hang is the failure.
  void AttendUntilGreeted(const Connection& connection) {
    char read = 0;
    while (recv(connection.client.get(), &read, 1, MSG_DONTWAIT) != 1) {
      threads_->Attend(now_);
      now_ += absl::Milliseconds(10);
      std::this_thread::yield();
    }
  }

  absl::Duration now_ = absl::Hours(1);
  std::atomic<int> ended_ = 0;
  std::unique_ptr<HandOverThreads> threads_;
};

TEST_F(HandOverThreadsTest, WantsNothingWhenNothingWaits) {
  Start(1);
  EXPECT_EQ(threads_->Attend(now_), absl::InfiniteDuration());
}

TEST_F(HandOverThreadsTest, AClientThatKeepsAThreadHoldsNobodyUpWhileThereAreOthers) {
  Start(3);
  std::vector<Connection> connections(3);
  for (Connection& connection : connections) {
    threads_->Add(std::move(connection.server));
    AttendUntilGreeted(connection);
  }
  EXPECT_EQ(ended_, 0);
}

TEST_F(HandOverThreadsTest, WhoKeepsAThreadLongestLosesItToWhoWaits) {
  Start(2);
  Connection first;
  Connection second;
  for (Connection* keeps : {&first, &second}) {
    threads_->Add(std::move(keeps->server));
    AttendUntilGreeted(*keeps);
  }
  Connection waits;
  threads_->Add(std::move(waits.server));
  threads_->Attend(now_);
  threads_->Attend(now_ + absl::Seconds(2));
  char read = 0;
  EXPECT_EQ(recv(waits.client.get(), &read, 1, 0), 1);  // a hang is the failure
  EXPECT_EQ(ended_, 1);
  EXPECT_EQ(recv(first.client.get(), &read, 1, 0), 0);
  EXPECT_LT(recv(second.client.get(), &read, 1, MSG_DONTWAIT), 0);
}

TEST_F(HandOverThreadsTest, AThreadThatIsFreeAgainTakesTheNext) {
  Start(1);
  for (int i = 0; i < 100; ++i) {
    Connection connection;
    threads_->Add(std::move(connection.server));
    while (threads_->Attend(now_) != absl::InfiniteDuration()) std::this_thread::yield();
    connection.client.Close();
  }
  threads_->Stop();
  EXPECT_EQ(ended_, 100);
}

TEST_F(HandOverThreadsTest, StopEndsWhatIsHandedOverAndWhatWaits) {
  Start(1);
  Connection kept;
  Connection waits;
  threads_->Add(std::move(kept.server));
  AttendUntilGreeted(kept);
  threads_->Add(std::move(waits.server));
  threads_->Stop();
  threads_->Stop();
  EXPECT_EQ(ended_, 1);
  char read = 0;
  EXPECT_EQ(recv(waits.client.get(), &read, 1, 0), 0);
  Connection late;
  threads_->Add(std::move(late.server));
  EXPECT_EQ(recv(late.client.get(), &read, 1, 0), 0);
}

}  // namespace
}  // namespace cascade::server
