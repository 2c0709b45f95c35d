// SPDX-License-Identifier: Apache-2.0
// The connections of a whole server: how many it keeps, for how long, and that it is still itself
// on connections that it did not accept through gRPC.
#include <sys/resource.h>
#include <sys/stat.h>

#include <algorithm>
#include <csignal>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "gmock/gmock.h"
#include "grpcpp/create_channel.h"
#include "grpcpp/security/credentials.h"
#include "gtest/gtest.h"
#include "tests/server/model_folder.h"
#include "tests/server/raw_connection.h"
#include "tests/server/served.h"
#include "tests/server/server_process.h"
#include "tests/support/temp_dir.h"

namespace cascade::server {
namespace {

using ::cascade::testing::GenerateStream;
using ::cascade::testing::kEndless;
using ::cascade::testing::ModelFolder;
using ::cascade::testing::RawConnection;
using ::cascade::testing::Request;
using ::cascade::testing::Served;
using ::cascade::testing::ServerProcess;
using ::cascade::testing::TempDir;
using ::testing::HasSubstr;

// Whether a client of gRPC gets an answer from `address`. Waits until it may connect.
bool Answers(const std::string& address) {
  const auto stub =
      v1::TextGeneration::NewStub(grpc::CreateChannel(address, grpc::InsecureChannelCredentials()));
  grpc::Status status;
  do {  // until it is let in and the model is loaded
    grpc::ClientContext context;
    context.set_wait_for_ready(true);
    v1::GetModelResponse model;
    status = stub->GetModel(&context, v1::GetModelRequest(), &model);
  } while (status.error_code() == grpc::StatusCode::UNAVAILABLE);
  return status.ok();
}

// Connects until a connection is served: the server notices a moment after it that one has ended.
RawConnection ConnectUntilServed(const std::string& address) {
  for (;;) {
    RawConnection connection(address);
    if (connection.IsServed()) return connection;
  }
}

class ConnectionsTest : public ::testing::Test {
 protected:
  ModelFolder folder_;
};

TEST_F(ConnectionsTest, BeyondTheLimitTheyAreClosedUntilAClientLeaves) {
  Served served(folder_.path(), [](Options& options) {
    options.listen.max_connections = 4;  // Served's own client has one
    options.listen.max_connections_per_peer = 4;
  });
  const std::string& address = served.server().address();
  std::vector<RawConnection> connections;
  for (int i = 0; i < 3; ++i) {
    connections.emplace_back(address);
    EXPECT_TRUE(connections.back().IsServed());
  }
  EXPECT_FALSE(RawConnection(address).IsServed());
  EXPECT_FALSE(RawConnection(address).IsServed());
  connections.pop_back();
  const RawConnection next = ConnectUntilServed(address);
  EXPECT_FALSE(RawConnection(address).IsServed());
}

TEST_F(ConnectionsTest, OnePeerDoesNotTakeThePlacesOfAnother) {
  const TempDir folder;
  Served served(folder_.path(), [&folder](Options& options) {
    options.listen.addresses.push_back("unix:" + folder.PathOf("socket"));
    options.listen.max_connections = 3;
    options.listen.max_connections_per_peer = 2;  // Served's own client has one
  });
  const RawConnection first(served.server().addresses()[0]);
  EXPECT_TRUE(first.IsServed());
  EXPECT_FALSE(RawConnection(served.server().addresses()[0]).IsServed());
  EXPECT_TRUE(RawConnection(served.server().addresses()[1]).IsServed());
}

TEST_F(ConnectionsTest, SeveralAddressesServeOneModel) {
  const TempDir folder;
  Served served(folder_.path(), [&folder](Options& options) {
    options.listen.addresses = {"127.0.0.1:0", "unix:" + folder.PathOf("socket"), "localhost:0"};
  });
  ASSERT_EQ(served.server().addresses().size(), 3U);
  for (std::string address : served.server().addresses()) {
    // Not by name: the client's resolver (c-ares) leaks it now and then.
    absl::StrReplaceAll({{"localhost", "127.0.0.1"}}, &address);
    EXPECT_TRUE(Answers(address)) << address;
  }
}

TEST_F(ConnectionsTest, ThoseThatNeverBeginAreClosedAndLeaveTheirPlace) {
  const TempDir folder;
  Served served(folder_.path(), [&folder](Options& options) {
    options.listen.addresses = {"127.0.0.1:0", "unix:" + folder.PathOf("socket")};
    options.listen.max_connections = 6;
    options.listen.max_connections_per_peer = 3;  // Served's own client has one
    options.listen.handshake = absl::Milliseconds(50);
  });
  for (const std::string& address : served.server().addresses()) {
    const RawConnection silent(address);
    const RawConnection half(address);
    half.Send("PRI * HTTP/2.0\r\n");
    silent.WaitForEnd();  // a hang is the failure
    half.WaitForEnd();
    const RawConnection next = ConnectUntilServed(address);
    const RawConnection one_more = ConnectUntilServed(address);
  }
}

TEST_F(ConnectionsTest, IdleOnesAreClosedAndThoseWithACallAreNot) {
  Served served(folder_.path(), [](Options& options) {
    options.listen.idle_connection = absl::Milliseconds(100);
    options.listen.max_connections = 2;
    options.listen.max_connections_per_peer = 2;
  });
  grpc::ClientContext context;
  grpc::health::v1::HealthCheckRequest liveness;
  const auto watch = served.health().Watch(&context, liveness);  // a call that lasts
  grpc::health::v1::HealthCheckResponse response;
  ASSERT_TRUE(watch->Read(&response));
  const RawConnection idle(served.server().address());
  EXPECT_TRUE(idle.IsServed());
  idle.WaitForEnd();
  context.TryCancel();
  while (watch->Read(&response)) {
  }
  EXPECT_EQ(watch->Finish().error_code(), grpc::StatusCode::CANCELLED);  // by us
}

TEST_F(ConnectionsTest, AClientWhoseIdleConnectionWasClosedConnectsAgainWithItsNextCall) {
  Served served(folder_.path(),
                [](Options& options) { options.listen.idle_connection = absl::Milliseconds(50); });
  const std::shared_ptr<grpc::Channel> channel = served.NewChannel();
  const auto stub = v1::TextGeneration::NewStub(channel);
  for (int call = 0; call < 3; ++call) {
    EXPECT_TRUE(GenerateStream(*stub, Request(3)).status.ok());
    while (channel->GetState(/*try_to_connect=*/false) == GRPC_CHANNEL_READY) {
      channel->WaitForStateChange(GRPC_CHANNEL_READY, gpr_inf_future(GPR_CLOCK_REALTIME));
    }
  }
}

TEST_F(ConnectionsTest, OldOnesEndWhenTheGraceOfTheirCallsIsOver) {
  Served served(folder_.path(), [](Options& options) {
    options.listen.connection_age = absl::Milliseconds(50);
    options.listen.connection_grace = absl::Milliseconds(50);
  });
  grpc::ClientContext context;
  const auto watch = served.health().Watch(&context, {});  // a call that lasts
  grpc::health::v1::HealthCheckResponse response;
  while (watch->Read(&response)) {  // a hang is the failure
  }
  EXPECT_EQ(watch->Finish().error_code(), grpc::StatusCode::UNAVAILABLE);
}

TEST_F(ConnectionsTest, CallsOfOldOnesEndInTheirGraceAndTheNextConnectAgain) {
  Served served(folder_.path(), [](Options& options) {
    options.listen.connection_age = absl::Milliseconds(20);
    options.listen.connection_grace = absl::Hours(1);
  });
  grpc::ClientContext context;
  v1::GenerateRequest request = Request(kEndless);
  const auto stream = served.stub().GenerateStream(&context, request);
  v1::GenerateEvent event;
  ASSERT_TRUE(stream->Read(&event));
  const std::shared_ptr<grpc::Channel> channel = served.NewChannel();
  const auto stub = v1::TextGeneration::NewStub(channel);
  for (int call = 0; call < 3; ++call) {
    EXPECT_TRUE(GenerateStream(*stub, Request(3)).status.ok());
    while (channel->GetState(/*try_to_connect=*/false) == GRPC_CHANNEL_READY) {
      channel->WaitForStateChange(GRPC_CHANNEL_READY, gpr_inf_future(GPR_CLOCK_REALTIME));
    }
  }
  EXPECT_TRUE(stream->Read(&event));  // it is on a connection of that age, or an older one
  context.TryCancel();
  while (stream->Read(&event)) {
  }
  EXPECT_EQ(stream->Finish().error_code(), grpc::StatusCode::CANCELLED);  // by us
}

// The value of `id` in the SETTINGS with which the server begins a connection; 0 if it is not
// there.
std::uint32_t Setting(const std::string& address, std::uint8_t id) {
  const RawConnection connection(address);
  connection.SendPreface();
  const std::string header = connection.Read(9);
  const std::string settings = connection.Read(static_cast<std::uint8_t>(header.at(2)));
  for (std::size_t at = 0; at + 6 <= settings.size(); at += 6) {
    if (static_cast<std::uint8_t>(settings[at + 1]) != id) continue;
    std::uint32_t value = 0;
    for (std::size_t i = 2; i < 6; ++i)
      value = value << 8 | static_cast<std::uint8_t>(settings[at + i]);
    return value;
  }
  return 0;
}

TEST_F(ConnectionsTest, TheServersOwnLimitsHoldOnThem) {
  constexpr std::uint8_t kMaxConcurrentStreams = 3;
  Served served(folder_.path(), [](Options& options) {
    options.worker.max_running = 4;
    options.worker.max_queued = 6;
  });
  EXPECT_EQ(Setting(served.server().address(), kMaxConcurrentStreams), 2 * (4 + 6) + 1024U);
}

// A server in a process of its own, with `limit` descriptors (soft:hard).
class ChildWithDescriptors {
 public:
  ChildWithDescriptors(const ModelFolder& folder, const std::string& limit)
      : process_({"--model=" + folder.path(), "--listen=127.0.0.1:0", "--kv_cache_bytes=64MiB",
                  "--max_connections_per_peer=100000"},
                 {"prlimit", "--nofile=" + limit}),
        address_(process_.Address()) {}

  const std::string& address() const { return address_; }

  // Changes its soft limit while it runs.
  void SetSoftLimit(rlim_t soft) {
    rlimit limit = {};
    EXPECT_EQ(prlimit(process_.pid(), RLIMIT_NOFILE, nullptr, &limit), 0);
    limit.rlim_cur = soft;
    EXPECT_EQ(prlimit(process_.pid(), RLIMIT_NOFILE, &limit, nullptr), 0);
  }

  // Ends it; returns what it logged.
  std::string End() {
    process_.Signal(SIGTERM);
    EXPECT_EQ(process_.Wait(), 0);
    return process_.StandardError();
  }

 private:
  ServerProcess process_;
  std::string address_;
};

std::size_t CountServed(const std::vector<RawConnection>& connections) {
  return static_cast<std::size_t>(std::count_if(connections.begin(), connections.end(),
                                                [](const auto& c) { return c.IsServed(); }));
}

TEST_F(ConnectionsTest, TheSoftLimitOfDescriptorsIsRaised) {
  ChildWithDescriptors child(folder_, "64:512");
  std::vector<RawConnection> connections;
  for (int i = 0; i < 150; ++i) connections.emplace_back(child.address());
  EXPECT_EQ(CountServed(connections), 150U);
  EXPECT_TRUE(Answers(child.address()));
  EXPECT_THAT(child.End(), HasSubstr("info connections file_descriptors=512 max_connections=224 "
                                     "max_connections_per_peer=224"));
}

TEST_F(ConnectionsTest, MoreIdleOnesThanDescriptorsAreNotTheEnd) {
  ChildWithDescriptors child(folder_, "128:128");
  for (int round = 0; round < 3; ++round) {
    std::vector<RawConnection> connections;
    for (int i = 0; i < 300; ++i) connections.emplace_back(child.address());
    const std::size_t served = CountServed(connections);
    EXPECT_GT(served, 0U);
    EXPECT_LE(served, 32U);  // two descriptors each, and 64 for all else
    connections.clear();
    EXPECT_TRUE(Answers(child.address()));
  }
  EXPECT_THAT(child.End(), HasSubstr("warning connections refused used_up=--max_connections "
                                     "peer=127.0.0.1 refused="));
}

TEST_F(ConnectionsTest, WithoutDescriptorsTheyWaitAndTheOthersAreServed) {
  ChildWithDescriptors child(folder_, "256:256");
  const auto stub = v1::TextGeneration::NewStub(
      grpc::CreateChannel(child.address(), grpc::InsecureChannelCredentials()));
  EXPECT_TRUE(Answers(child.address()));
  // Twice: UBSan opens a pipe where a type is first met, and what the worker does after it has
  // answered is only known to be done when it has answered again.
  for (int i = 0; i < 2; ++i) EXPECT_TRUE(GenerateStream(*stub, Request(1)).status.ok());
  child.SetSoftLimit(0);
  const RawConnection waits(child.address());
  EXPECT_TRUE(GenerateStream(*stub, Request(1)).status.ok());
  child.SetSoftLimit(256);
  EXPECT_TRUE(waits.IsServed());
  EXPECT_TRUE(Answers(child.address()));
}

TEST_F(ConnectionsTest, ASocketFileIsTheOwnersUnlessToldOtherwise) {
  const TempDir folder;
  const std::string path = folder.PathOf("socket");
  for (const auto& [flag, mode] : {std::pair{std::string("--log_level=off"), 0600U},
                                   std::pair{std::string("--unix_socket_mode=0666"), 0666U}}) {
    ServerProcess process({"--model=" + folder_.path(), "--kv_cache_bytes=64MiB", flag,
                           absl::StrCat("--listen=127.0.0.1:0,unix:", path)});
    EXPECT_NE(process.Address(), "");
    struct stat status = {};
    EXPECT_EQ(stat(path.c_str(), &status), 0);
    EXPECT_EQ(status.st_mode & 0777U, mode);
    EXPECT_TRUE(Answers("unix:" + path));
    process.Signal(SIGTERM);
    EXPECT_EQ(process.Wait(), 0);
    EXPECT_EQ(stat(path.c_str(), &status), -1);  // it takes its file with it
  }
}

}  // namespace
}  // namespace cascade::server
