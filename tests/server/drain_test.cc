// SPDX-License-Identifier: Apache-2.0
// Start-up and shutdown as clients see them, over loopback TCP.
#include <memory>
#include <thread>

#include "gmock/gmock.h"
#include "grpcpp/create_channel.h"
#include "grpcpp/security/credentials.h"
#include "gtest/gtest.h"
#include "server/engine/clock.h"
#include "server/observability/logs.h"
#include "tests/server/model_folder.h"
#include "tests/server/served.h"
#include "tests/support/status_matchers.h"

namespace cascade::server {
namespace {

using ::cascade::testing::GenerateStream;
using ::cascade::testing::IsOk;
using ::cascade::testing::kEndless;
using ::cascade::testing::ModelFolder;
using ::cascade::testing::ReadAll;
using ::cascade::testing::Request;
using ::cascade::testing::Served;
using ::cascade::testing::Stream;
using ::cascade::testing::TestOptions;
using grpc::health::v1::HealthCheckRequest;
using grpc::health::v1::HealthCheckResponse;

// A GenerateStream call, read up to its first delta.
class Call {
 public:
  Call(v1::TextGeneration::Stub& stub, std::uint32_t max_new_tokens)
      : reader_(stub.GenerateStream(&context_, Request(max_new_tokens))) {
    v1::GenerateEvent event;
    while (!event.has_delta() && reader_->Read(&event)) {
    }
    EXPECT_TRUE(event.has_delta());
  }

  Stream Rest() { return ReadAll(*reader_); }

 private:
  grpc::ClientContext context_;
  std::unique_ptr<grpc::ClientReader<v1::GenerateEvent>> reader_;
};

// Reads health until it is `status`.
class HealthWatch {
 public:
  explicit HealthWatch(grpc::health::v1::Health::Stub& stub,
                       const std::string& service = v1::TextGeneration::service_full_name()) {
    HealthCheckRequest request;
    request.set_service(service);
    reader_ = stub.Watch(&context_, request);
  }

  bool WaitFor(HealthCheckResponse::ServingStatus status) {
    HealthCheckResponse response;
    while (reader_->Read(&response)) {
      if (response.status() == status) return true;
    }
    return false;
  }

  grpc::Status Rest() {
    HealthCheckResponse response;
    while (reader_->Read(&response)) {
    }
    return reader_->Finish();
  }

 private:
  grpc::ClientContext context_;
  std::unique_ptr<grpc::ClientReader<HealthCheckResponse>> reader_;
};

TEST(StartUpTest, ListensBeforeTheModelIsThere) {
  const ModelFolder folder;
  const Options options = TestOptions(folder.path());
  StartLogging(options.log);
  Server server(options);
  ASSERT_THAT(server.Listen(), IsOk());
  const auto channel = grpc::CreateChannel(server.address(), grpc::InsecureChannelCredentials());
  const auto health = grpc::health::v1::Health::NewStub(channel);
  const auto stub = v1::TextGeneration::NewStub(channel);

  HealthWatch watch(*health);
  EXPECT_TRUE(watch.WaitFor(HealthCheckResponse::NOT_SERVING));
  HealthWatch liveness(*health, "");
  EXPECT_TRUE(liveness.WaitFor(HealthCheckResponse::SERVING));  // it answers
  const Stream early = GenerateStream(*stub, Request(1));
  EXPECT_EQ(early.status.error_code(), grpc::StatusCode::UNAVAILABLE);
  EXPECT_EQ(early.status.error_message(), "the model is still loading");

  ASSERT_THAT(server.LoadModel(), IsOk());
  EXPECT_EQ(GenerateStream(*stub, Request(1)).status.error_code(), grpc::StatusCode::UNAVAILABLE);
  server.StartServing();
  EXPECT_TRUE(watch.WaitFor(HealthCheckResponse::SERVING));
  EXPECT_TRUE(GenerateStream(*stub, Request(1)).status.ok());
  server.Shutdown();
  EXPECT_EQ(watch.Rest().error_code(), grpc::StatusCode::UNAVAILABLE);
}

TEST(StartUpTest, SaysWhyAModelCannotBeLoaded) {
  ModelFolder folder;
  folder.Write("config.json", "{\"model_type\": \"bert\"}");
  Server server(TestOptions(folder.path()));
  ASSERT_THAT(server.Listen(), IsOk());
  EXPECT_THAT(server.LoadModel(), cascade::testing::IsInvalid({"config.json", "bert"}));
}

TEST(StartUpTest, RefusesATokenizerOfAnotherModel) {
  ModelFolder folder;
  folder.Write("vocab.json", "{\"a\": 0, \"b\": 5000}");
  folder.Write("merges.txt", "#version: 0.2\n");
  Server server(TestOptions(folder.path()));
  ASSERT_THAT(server.Listen(), IsOk());
  EXPECT_FALSE(server.LoadModel().ok());
}

TEST(StartUpTest, LeavesOutAnEndTokenOutsideTheVocabulary) {
  ModelFolder folder;
  folder.Write("generation_config.json", "{\"eos_token_id\": [4096, 7]}");
  Server server(TestOptions(folder.path()));
  ASSERT_THAT(server.Listen(), IsOk());
  ASSERT_THAT(server.LoadModel(), IsOk());
  EXPECT_THAT(server.backend().info.defaults.eos_token_ids, ::testing::ElementsAre(7U));
}

TEST(StartUpTest, RefusesACacheOfLessThanOneBlock) {
  const ModelFolder folder;
  Options options = TestOptions(folder.path());
  options.kv_cache_bytes = 100;
  Server server(options);
  ASSERT_THAT(server.Listen(), IsOk());
  EXPECT_THAT(server.LoadModel(), cascade::testing::IsInvalid({"--kv_cache_bytes=100", "1024"}));
}

TEST(StartUpTest, RefusesMoreSequencesThanAStepHasRows) {
  const ModelFolder folder;
  Options options = TestOptions(folder.path());
  options.worker.step_tokens = 63;
  Server server(options);
  ASSERT_THAT(server.Listen(), IsOk());
  EXPECT_THAT(server.LoadModel(),
              cascade::testing::IsInvalid({"--max_running", "is 64", "--step_tokens", "63"}));
}

TEST(StartUpTest, APortIsNotShared) {
  const ModelFolder folder;
  Served served(folder.path());
  Options options = TestOptions(folder.path());
  options.listen.addresses = {served.server().address()};
  Server second(options);
  EXPECT_EQ(second.Listen().code(), absl::StatusCode::kUnavailable);
}

TEST(DrainTest, RunningStreamsFinishAndNewOnesAreRefused) {
  const ModelFolder folder;
  Served served(folder.path());
  Call running(served.stub(), 5000);
  HealthWatch watch(served.health());
  EXPECT_TRUE(watch.WaitFor(HealthCheckResponse::SERVING));

  std::thread drain([&served] { served.DrainAll(); });
  EXPECT_TRUE(watch.WaitFor(HealthCheckResponse::NOT_SERVING));
  // Health is told first: refusal may come a moment later, but it comes.
  grpc::Status late;
  do {
    late = GenerateStream(served.stub(), Request(1)).status;
  } while (late.ok());
  EXPECT_EQ(late.error_code(), grpc::StatusCode::UNAVAILABLE);
  EXPECT_EQ(late.error_message(), "the server is shutting down");

  const Stream stream = running.Rest();
  EXPECT_TRUE(stream.status.ok()) << stream.status.error_message();
  EXPECT_EQ(stream.events.back().summary().usage().generated_tokens(), 5000U);
  drain.join();
  EXPECT_TRUE(served.EverythingIsFree());
}

TEST(DrainTest, AtTheDeadlineTheRestEndWithAStatus) {
  const ModelFolder folder;
  Served served(folder.path());
  Call running(served.stub(), kEndless);
  EXPECT_THAT(served.server().Drain(MonotonicNow()), IsOk());
  const Stream stream = running.Rest();
  EXPECT_EQ(stream.status.error_code(), grpc::StatusCode::UNAVAILABLE);
  EXPECT_TRUE(served.EverythingIsFree());
}

TEST(DrainTest, ASecondDrainCutsTheFirstShort) {
  const ModelFolder folder;
  Served served(folder.path());
  Call running(served.stub(), kEndless);
  std::thread patient([&served] { served.DrainAll(); });
  EXPECT_THAT(served.server().Drain(absl::InfinitePast()), IsOk());
  patient.join();
  EXPECT_EQ(running.Rest().status.error_code(), grpc::StatusCode::UNAVAILABLE);
}

TEST(DrainTest, QueuedRequestsEndWithAStatusToo) {
  const ModelFolder folder;
  Served served(folder.path(), [](Options& options) { options.worker.max_running = 1; });
  // Unary: an unread stream would pause, and let the next one start.
  std::thread running([&served] {
    grpc::ClientContext context;
    v1::GenerateResponse response;
    EXPECT_EQ(served.stub().Generate(&context, Request(kEndless), &response).error_code(),
              grpc::StatusCode::UNAVAILABLE);
  });
  while (served.server().backend().worker.stats().running == 0) std::this_thread::yield();
  grpc::ClientContext context;
  const auto queued = served.stub().GenerateStream(&context, Request(1));
  queued->WaitForInitialMetadata();  // it was accepted
  EXPECT_THAT(served.server().Drain(MonotonicNow()), IsOk());
  EXPECT_EQ(ReadAll(*queued).status.error_code(), grpc::StatusCode::UNAVAILABLE);
  running.join();
}

TEST(DrainTest, ShutdownDoesNotWaitForeverForAClientThatDoesNotRead) {
  const ModelFolder folder;
  Served served(folder.path());
  v1::GenerateRequest request = Request(kEndless);
  request.mutable_response()->set_logprobs(true);
  request.mutable_response()->set_candidates(20);
  grpc::ClientContext context;
  const auto reader = served.stub().GenerateStream(&context, request);
  v1::GenerateEvent event;
  ASSERT_TRUE(reader->Read(&event));
  // More than the connection's windows hold.
  while (served.server().backend().worker.stats().stalled == 0) std::this_thread::yield();
  served.server().Shutdown();  // a hang is the failure
  EXPECT_FALSE(ReadAll(*reader).status.ok());
}

TEST(DrainTest, WithoutAServerThereIsNothingToShutDown) {
  const ModelFolder folder;
  Server server(TestOptions(folder.path()));
  EXPECT_THAT(server.Drain(MonotonicNow()), IsOk());
  server.Shutdown();
  server.Shutdown();
}

}  // namespace
}  // namespace cascade::server
