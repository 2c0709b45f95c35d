// SPDX-License-Identifier: Apache-2.0
// Start-up as clients see it, over loopback TCP. The way down: grpc/dialects/drain_test.cc.
#include <memory>

#include "gmock/gmock.h"
#include "grpcpp/create_channel.h"
#include "grpcpp/security/credentials.h"
#include "gtest/gtest.h"
#include "server/engine/clock.h"
#include "server/observability/logs.h"
#include "tests/server/health_watch.h"
#include "tests/server/model_folder.h"
#include "tests/server/served.h"
#include "tests/support/status_matchers.h"

namespace cascade::server {
namespace {

using ::cascade::testing::GenerateStream;
using ::cascade::testing::HealthWatch;
using ::cascade::testing::IsOk;
using ::cascade::testing::ModelFolder;
using ::cascade::testing::Request;
using ::cascade::testing::Served;
using ::cascade::testing::Stream;
using ::cascade::testing::TestOptions;
using grpc::health::v1::HealthCheckResponse;

TEST(StartUpTest, ListensBeforeTheModelIsThere) {
  const ModelFolder folder;
  const Options options = TestOptions(folder.path());
  StartLogging(options.log);
  Server server(options);
  ASSERT_THAT(server.Listen(), IsOk());
  const auto channel = grpc::CreateChannel(server.address(), grpc::InsecureChannelCredentials());
  const auto health = grpc::health::v1::Health::NewStub(channel);
  const auto stub = v1::TextGeneration::NewStub(channel);

  HealthWatch watch(*health, v1::TextGeneration::service_full_name());
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

TEST(StartUpTest, WithoutAServerThereIsNothingToShutDown) {
  const ModelFolder folder;
  Server server(TestOptions(folder.path()));
  EXPECT_THAT(server.Drain(MonotonicNow()), IsOk());
  server.Shutdown();
  server.Shutdown();
}

}  // namespace
}  // namespace cascade::server
