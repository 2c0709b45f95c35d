// SPDX-License-Identifier: Apache-2.0

#include "server/grpc/health/health_service.h"

#include <map>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "grpcpp/create_channel.h"
#include "grpcpp/security/credentials.h"
#include "grpcpp/security/server_credentials.h"
#include "grpcpp/server.h"
#include "grpcpp/server_builder.h"
#include "gtest/gtest.h"
#include "server/grpc/call/call_memory.h"
#include "server/grpc/call/open_calls.h"

namespace cascade::server {
namespace {

using grpc::health::v1::Health;
using grpc::health::v1::HealthCheckRequest;
using grpc::health::v1::HealthCheckResponse;
using grpc::health::v1::HealthListRequest;
using grpc::health::v1::HealthListResponse;

constexpr char kService[] = "cascade.v1.TextGeneration";
constexpr char kSecond[] = "test.Second";

// One Watch call, open until it goes.
class Watch {
 public:
  Watch(Health::Stub& stub, const std::string& service) {
    HealthCheckRequest request;
    request.set_service(service);
    reader_ = stub.Watch(&context_, request);
  }
  ~Watch() {
    if (reader_ == nullptr) return;
    context_.TryCancel();
    Finish();
  }

  // The next status; fails the test if the stream is over.
  HealthCheckResponse::ServingStatus Next() {
    HealthCheckResponse response;
    EXPECT_TRUE(reader_->Read(&response));
    return response.status();
  }

  // How it ends, after whatever still comes.
  grpc::Status Finish() {
    HealthCheckResponse response;
    while (reader_->Read(&response)) {
    }
    grpc::Status status = reader_->Finish();
    reader_.reset();
    return status;
  }

 private:
  grpc::ClientContext context_;
  std::unique_ptr<grpc::ClientReader<HealthCheckResponse>> reader_;
};

class HealthServiceTest : public ::testing::Test {
 protected:
  HealthServiceTest() : service_({kService, kSecond}, calls_, memory_) {
    int port = 0;
    grpc::ServerBuilder builder;
    builder.AddListeningPort("127.0.0.1:0", grpc::InsecureServerCredentials(), &port);
    builder.RegisterService(&service_);
    server_ = builder.BuildAndStart();
    stub_ = Health::NewStub(
        grpc::CreateChannel(absl::StrCat("127.0.0.1:", port), grpc::InsecureChannelCredentials()));
  }
  ~HealthServiceTest() override {
    service_.EndWatches();
    server_->Shutdown();
  }

  grpc::Status Check(const std::string& service, HealthCheckResponse& response) {
    grpc::ClientContext context;
    HealthCheckRequest request;
    request.set_service(service);
    return stub_->Check(&context, request, &response);
  }

  OpenCalls calls_;
  CallMemory memory_{std::size_t{64} << 20};
  HealthService service_;
  std::unique_ptr<grpc::Server> server_;
  std::unique_ptr<Health::Stub> stub_;
};

TEST_F(HealthServiceTest, ChecksSayWhatIsSo) {
  const auto status = [this](const std::string& service) {
    HealthCheckResponse response;
    EXPECT_TRUE(Check(service, response).ok());
    return response.status();
  };
  // Alive from the first moment, ready later, neither while it hangs.
  EXPECT_EQ(status(""), HealthCheckResponse::SERVING);
  EXPECT_EQ(status(kService), HealthCheckResponse::NOT_SERVING);
  service_.SetReady(true);
  EXPECT_EQ(status(""), HealthCheckResponse::SERVING);
  EXPECT_EQ(status(kService), HealthCheckResponse::SERVING);
  service_.SetHanging(true);
  EXPECT_EQ(status(""), HealthCheckResponse::NOT_SERVING);
  EXPECT_EQ(status(kService), HealthCheckResponse::NOT_SERVING);
  service_.SetHanging(false);
  EXPECT_EQ(status(""), HealthCheckResponse::SERVING);
  EXPECT_EQ(status(kService), HealthCheckResponse::SERVING);
  service_.SetReady(false);
  EXPECT_EQ(status(""), HealthCheckResponse::SERVING);
  EXPECT_EQ(status(kService), HealthCheckResponse::NOT_SERVING);
}

TEST_F(HealthServiceTest, ListsEveryNameAtOneMoment) {
  using Statuses = std::map<std::string, HealthCheckResponse::ServingStatus>;
  const auto list = [this] {
    grpc::ClientContext context;
    HealthListResponse response;
    EXPECT_TRUE(stub_->List(&context, HealthListRequest(), &response).ok());
    Statuses statuses;
    for (const auto& [name, status] : response.statuses()) statuses[name] = status.status();
    return statuses;
  };
  EXPECT_EQ(list(), (Statuses{{"", HealthCheckResponse::SERVING},
                              {kService, HealthCheckResponse::NOT_SERVING},
                              {kSecond, HealthCheckResponse::NOT_SERVING}}));
  service_.SetReady(true);
  EXPECT_EQ(list(), (Statuses{{"", HealthCheckResponse::SERVING},
                              {kService, HealthCheckResponse::SERVING},
                              {kSecond, HealthCheckResponse::SERVING}}));
  service_.SetHanging(true);
  EXPECT_EQ(list(), (Statuses{{"", HealthCheckResponse::NOT_SERVING},
                              {kService, HealthCheckResponse::NOT_SERVING},
                              {kSecond, HealthCheckResponse::NOT_SERVING}}));
}

TEST_F(HealthServiceTest, WatchersHearOfHangsAndOfTheirEnds) {
  service_.SetReady(true);
  for (const char* service : {"", kService, kSecond}) {
    Watch watch(*stub_, service);
    EXPECT_EQ(watch.Next(), HealthCheckResponse::SERVING);
    service_.SetHanging(true);
    EXPECT_EQ(watch.Next(), HealthCheckResponse::NOT_SERVING);
    service_.SetHanging(false);
    EXPECT_EQ(watch.Next(), HealthCheckResponse::SERVING);
  }
}

TEST_F(HealthServiceTest, AnUnknownServiceIsNotFoundByCheck) {
  HealthCheckResponse response;
  const grpc::Status status = Check("cascade.v1.Other", response);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::NOT_FOUND);
  EXPECT_EQ(status.error_message(),
            "no service 'cascade.v1.Other'; there is '' for liveness, and for readiness "
            "'cascade.v1.TextGeneration', 'test.Second'");
  // However long the name, the client takes the trailers.
  EXPECT_EQ(Check(std::string(100'000, '~'), response).error_code(), grpc::StatusCode::NOT_FOUND);
}

TEST_F(HealthServiceTest, AnUnknownServiceIsWatchedAsUnknown) {
  Watch watch(*stub_, "cascade.v1.Other");
  EXPECT_EQ(watch.Next(), HealthCheckResponse::SERVICE_UNKNOWN);
  service_.SetReady(true);  // which does not concern it
  service_.EndWatches();
  EXPECT_EQ(watch.Finish().error_code(), grpc::StatusCode::UNAVAILABLE);
}

TEST_F(HealthServiceTest, WatchersHearOfEachChangeTheyWaitFor) {
  Watch watch(*stub_, kService);
  EXPECT_EQ(watch.Next(), HealthCheckResponse::NOT_SERVING);
  for (int i = 0; i < 10; ++i) {
    service_.SetReady(true);
    EXPECT_EQ(watch.Next(), HealthCheckResponse::SERVING);
    service_.SetReady(false);
    EXPECT_EQ(watch.Next(), HealthCheckResponse::NOT_SERVING);
  }
}

TEST_F(HealthServiceTest, WatchersHearNothingOfWhatDidNotChange) {
  Watch watch(*stub_, kService);
  EXPECT_EQ(watch.Next(), HealthCheckResponse::NOT_SERVING);
  service_.SetReady(false);
  service_.SetReady(true);
  EXPECT_EQ(watch.Next(), HealthCheckResponse::SERVING);
}

TEST_F(HealthServiceTest, EveryWatcherHearsTheLastWord) {
  std::vector<std::unique_ptr<Watch>> watches;
  for (int i = 0; i < 50; ++i) {
    watches.push_back(std::make_unique<Watch>(*stub_, kService));
    EXPECT_EQ(watches.back()->Next(), HealthCheckResponse::NOT_SERVING);
  }
  std::thread flutter([this] {
    for (int i = 0; i < 100; ++i) service_.SetReady(i % 2 == 0);
  });
  for (int i = 0; i < 100; ++i) service_.SetReady(i % 3 == 0);
  flutter.join();
  service_.SetReady(true);
  for (const auto& watch : watches) {
    while (watch->Next() != HealthCheckResponse::SERVING || ::testing::Test::HasFailure()) {
      ASSERT_FALSE(::testing::Test::HasFailure());
    }
  }
}

TEST_F(HealthServiceTest, WatchersThatLeaveAreForgottenWhileOthersAreTold) {
  std::vector<std::thread> clients;
  for (int i = 0; i < 4; ++i) {
    clients.emplace_back([this] {
      for (int j = 0; j < 50; ++j) {
        Watch watch(*stub_, kService);
        watch.Next();
      }
    });
  }
  for (int i = 0; i < 500; ++i) service_.SetReady(i % 2 == 0);
  for (std::thread& client : clients) client.join();
}

TEST_F(HealthServiceTest, AtTheEndWatchesEndAndNewOnesToo) {
  Watch before(*stub_, kService);
  EXPECT_EQ(before.Next(), HealthCheckResponse::NOT_SERVING);
  service_.EndWatches();
  EXPECT_EQ(before.Finish().error_code(), grpc::StatusCode::UNAVAILABLE);
  Watch after(*stub_, kService);
  EXPECT_EQ(after.Next(), HealthCheckResponse::NOT_SERVING);
  EXPECT_EQ(after.Finish().error_code(), grpc::StatusCode::UNAVAILABLE);
}

}  // namespace
}  // namespace cascade::server
