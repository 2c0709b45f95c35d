// SPDX-License-Identifier: Apache-2.0

#include "server/listener/accept_loop.h"

#include <fcntl.h>
#include <sys/resource.h>
#include <sys/socket.h>

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "gtest/gtest.h"
#include "server/engine/mutex.h"
#include "server/observability/logs.h"
#include "tests/server/raw_connection.h"
#include "tests/support/temp_dir.h"
#include "tests/support/value_or_die.h"

namespace cascade::server {
namespace {

using ::cascade::testing::RawConnection;
using ::cascade::testing::TempDir;
using ::cascade::testing::ValueOrDie;

constexpr char kHello[] = "x";

// What stands behind the loop: greets each connection, and keeps it until the test ends it.
class Transport {
 public:
  void TakeOver(FileDescriptor connection) {
    ++taken_over_;
    send(connection.get(), kHello, 1, MSG_NOSIGNAL);
    const MutexLock lock(mu_);
    connections_.push_back(std::move(connection));
    changed_.notify_all();
  }

  // Of how many connections this has heard.
  int taken_over() const { return taken_over_; }

  // Ends the oldest connection, as a transport does it.
  void EndOne() {
    FileDescriptor oldest;
    {
      const MutexLock lock(mu_);
      while (connections_.empty()) changed_.wait(mu_);
      oldest = std::move(connections_.front());
      connections_.pop_front();
    }
    shutdown(oldest.get(), SHUT_RDWR);
  }

 private:
  Mutex mu_;
  std::condition_variable_any changed_;
  std::deque<FileDescriptor> connections_ ABSL_GUARDED_BY(mu_);
  std::atomic<int> taken_over_ = 0;
};

bool IsGreeted(const RawConnection& client) { return client.Read(1) == kHello; }

// Connects until a connection is let in: the loop hears of an end a moment after it.
void WaitUntilLetIn(const std::string& address) {
  while (!IsGreeted(RawConnection(address))) {
  }
}

class AcceptLoopTest : public ::testing::Test {
 protected:
  AcceptLoopTest() { StartLogging({.level = LogLevel::kOff}); }

  // Starts a loop on a TCP port and a Unix socket.
  void Start(ConnectionLimits limits) {
    std::vector<ListeningSockets> listening;
    for (const std::string& address : {std::string("127.0.0.1:0"), "unix:" + folder_.PathOf("s")}) {
      listening.push_back(ValueOrDie(ListenOn(address, 0600)));
      addresses_.push_back(listening.back().dial_address);
    }
    loop_ = ValueOrDie(AcceptLoop::Start(
        std::move(listening), limits,
        [this] {
          ++looks_;
          const MutexLock lock(loop_mu_);
          return held_bytes_.load();
        },
        {[this](FileDescriptor connection) { transport_.TakeOver(std::move(connection)); }}));
  }

  // Runs `run` while the loop's thread waits to learn how much memory is held. REQUIRES: there is a
  // connection.
  void WithoutTheLoop(const std::function<void()>& run) {
    const MutexLock lock(loop_mu_);
    const int before = looks_;
    while (looks_ == before) std::this_thread::yield();
    run();
  }

  const std::string& tcp() const { return addresses_[0]; }
  const std::string& unix_socket() const { return addresses_[1]; }

  TempDir folder_;
  std::vector<std::string> addresses_;
  Transport transport_;
  std::atomic<std::uint64_t> held_bytes_ = 0;
  std::atomic<int> looks_ = 0;
  Mutex loop_mu_;
  std::unique_ptr<AcceptLoop> loop_;  // last: it uses the others
};

TEST_F(AcceptLoopTest, HandsTheConnectionsOfAllAddressesOver) {
  Start({.total = 10, .per_peer = 10});
  for (const std::string& address : addresses_) {
    const RawConnection first(address);
    const RawConnection second(address);
    EXPECT_TRUE(IsGreeted(second)) << address;
    EXPECT_TRUE(IsGreeted(first)) << address;
  }
}

TEST_F(AcceptLoopTest, ClosesWhatIsBeyondTheLimitAndLetsInOnceTheTransportEndsOne) {
  Start({.total = 2, .per_peer = 2});
  for (const std::string& address : addresses_) {
    const RawConnection first(address);
    const RawConnection second(address);
    EXPECT_TRUE(IsGreeted(first));
    EXPECT_TRUE(IsGreeted(second));
    EXPECT_FALSE(IsGreeted(RawConnection(address))) << address;
    transport_.EndOne();
    first.WaitForEnd();
    WaitUntilLetIn(address);  // a hang is the failure
    transport_.EndOne();
    transport_.EndOne();
  }
}

TEST_F(AcceptLoopTest, APeersLimitLeavesPlacesToOthers) {
  Start({.total = 3, .per_peer = 1});
  const RawConnection first(tcp());
  EXPECT_TRUE(IsGreeted(first));
  EXPECT_FALSE(IsGreeted(RawConnection(tcp())));
  const RawConnection of_another_peer(unix_socket());
  EXPECT_TRUE(IsGreeted(of_another_peer));
  EXPECT_FALSE(IsGreeted(RawConnection(unix_socket())));
}

TEST_F(AcceptLoopTest, LetsInAgainWhenAUnixPeerEndsItsOwn) {
  Start({.total = 1, .per_peer = 1});
  {
    const RawConnection client(unix_socket());
    EXPECT_TRUE(IsGreeted(client));
  }
  WaitUntilLetIn(unix_socket());
}

// Lets this process open no descriptor of this number or above, until it is destroyed.
class DescriptorLimitForNow {
 public:
  explicit DescriptorLimitForNow(int limit) {
    getrlimit(RLIMIT_NOFILE, &before_);
    rlimit few = before_;
    few.rlim_cur = static_cast<rlim_t>(limit);
    EXPECT_EQ(setrlimit(RLIMIT_NOFILE, &few), 0);
  }
  DescriptorLimitForNow(const DescriptorLimitForNow&) = delete;
  DescriptorLimitForNow& operator=(const DescriptorLimitForNow&) = delete;
  ~DescriptorLimitForNow() { setrlimit(RLIMIT_NOFILE, &before_); }

 private:
  rlimit before_ = {};
};

// The limit that leaves this process `count` descriptors to open.
int LimitThatLeaves(int count) {
  int limit = 0;
  for (; count > 0; ++limit) count -= fcntl(limit, F_GETFD) == -1 ? 1 : 0;
  return limit;
}

// The descriptors that this process has open, none of which this takes.
int OpenDescriptors() {
  int open = 0;
  for (int fd = 0; fd < 1000; ++fd) open += fcntl(fd, F_GETFD) == -1 ? 0 : 1;
  return open;
}

TEST_F(AcceptLoopTest, RefusesWithoutDescriptorsAndLetsInOnceThereAreSome) {
  Start({.total = 100, .per_peer = 100});
  // Each client that is let in takes three of them, since all ends are in this process; a fourth
  // client takes the last.
  const DescriptorLimitForNow few(LimitThatLeaves(10));
  int open = OpenDescriptors();
  std::vector<RawConnection> let_in;
  for (;;) {
    RawConnection client(tcp());
    if (!IsGreeted(client)) break;
    let_in.push_back(std::move(client));
    open += 3;
    while (OpenDescriptors() != open) std::this_thread::yield();  // handing it over takes one more
  }
  EXPECT_GE(let_in.size(), 2U);
  EXPECT_FALSE(IsGreeted(RawConnection(tcp())));  // refused at once, again and again
  for (std::size_t i = 0; i < let_in.size(); ++i) transport_.EndOne();
  let_in.clear();
  WaitUntilLetIn(tcp());
}

TEST_F(AcceptLoopTest, WithoutDescriptorsToRefuseWithItWaitsForThem) {
  Start({.total = 100, .per_peer = 100});
  const int before = OpenDescriptors();
  const RawConnection first(tcp());
  EXPECT_TRUE(IsGreeted(first));
  while (OpenDescriptors() != before + 3) std::this_thread::yield();  // both ends, and the loop's
  std::optional<RawConnection> second;
  std::optional<DescriptorLimitForNow> none;
  int open = 0;
  WithoutTheLoop([&] {
    second.emplace(tcp());
    open = OpenDescriptors();
    none.emplace(0);
  });
  while (OpenDescriptors() >= open) std::this_thread::yield();  // it gives its reserve up, in vain
  none.reset();
  EXPECT_TRUE(IsGreeted(*second));
  // It takes the two of its connection, and its reserve again.
  while (OpenDescriptors() != open + 2) std::this_thread::yield();
}

TEST_F(AcceptLoopTest, AConnectionThatItsPeerHasResetIsNotHandedOver) {
  Start({.total = 100, .per_peer = 100});
  const RawConnection first(tcp());
  EXPECT_TRUE(IsGreeted(first));
  WithoutTheLoop([&] {
    RawConnection reset(tcp());
    const linger at_once = {.l_onoff = 1, .l_linger = 0};
    setsockopt(reset.fd(), SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
  });
  EXPECT_TRUE(IsGreeted(RawConnection(tcp())));
  EXPECT_EQ(transport_.taken_over(), 2);
}

TEST_F(AcceptLoopTest, ResetsTheConnectionThatSendsMostWhenMemoryGrowsBeyondItsBound) {
  Start({.total = 10, .per_peer = 10});
  loop_->BoundMemory(1000);
  const RawConnection quiet(tcp());
  EXPECT_TRUE(IsGreeted(quiet));
  const RawConnection heavy(tcp());
  EXPECT_TRUE(IsGreeted(heavy));
  quiet.Send(std::string(70 << 10, 'q'));
  heavy.Send(std::string(80 << 10, 'h'));
  held_bytes_ = 1001;
  heavy.WaitForEnd();  // a hang is the failure
  EXPECT_TRUE(IsGreeted(RawConnection(unix_socket())));
  transport_.EndOne();  // the quiet one was still open: it reads an end, not a reset
  EXPECT_EQ(quiet.Read(1), "");
}

TEST_F(AcceptLoopTest, OnceStoppedItListensNoMore) {
  Start({.total = 10, .per_peer = 10});
  const RawConnection client(tcp());
  EXPECT_TRUE(IsGreeted(client));
  loop_->Stop();
  loop_->Stop();
  const ListeningSockets next = ValueOrDie(ListenOn(tcp(), 0600));  // the port is free
  transport_.EndOne();  // what was handed over goes on until its transport ends it
  client.WaitForEnd();
}

}  // namespace
}  // namespace cascade::server
