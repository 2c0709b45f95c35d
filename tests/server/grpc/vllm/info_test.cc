// SPDX-License-Identifier: Apache-2.0
// What VllmEngine tells of the server over loopback TCP.
#include <memory>
#include <string>

#include "gmock/gmock.h"
#include "grpcpp/create_channel.h"
#include "grpcpp/security/credentials.h"
#include "gtest/gtest.h"
#include "server/grpc/call/open_calls.h"
#include "tests/server/grpc/vllm/vllm_calls.h"
#include "tests/server/model_folder.h"
#include "tests/server/served.h"
#include "tests/support/status_matchers.h"

namespace cascade::server {
namespace {

using namespace ::cascade::testing;  // NOLINT: the calls of this dialect
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::MatchesRegex;

class VllmInfoTest : public ::testing::Test {
 protected:
  VllmStub& stub() { return *stub_; }

  ModelFolder folder_;
  Served served_{folder_.path()};
  std::unique_ptr<VllmStub> stub_ = NewVllmStub(served_);
};

TEST_F(VllmInfoTest, HealthKnowsTheService) {
  grpc::ClientContext context;
  grpc::health::v1::HealthCheckRequest request;
  request.set_service("vllm.grpc.engine.VllmEngine");
  grpc::health::v1::HealthCheckResponse response;
  ASSERT_TRUE(served_.health().Check(&context, request, &response).ok());
  EXPECT_EQ(response.status(), grpc::health::v1::HealthCheckResponse::SERVING);
}

TEST_F(VllmInfoTest, HealthCheckSaysWhyNot) {
  engine_pb::HealthCheckResponse response;
  ASSERT_TRUE(Call(stub(), &VllmStub::HealthCheck, {}, response).ok());
  EXPECT_TRUE(response.healthy());
  EXPECT_EQ(response.message(), "");
  served_.DrainAll();
  ASSERT_TRUE(Call(stub(), &VllmStub::HealthCheck, {}, response).ok());
  EXPECT_FALSE(response.healthy());
  EXPECT_THAT(response.message(), HasSubstr("shutting down"));
}

TEST(VllmStartTest, AServerThatIsStillLoadingIsNotThereYet) {
  const ModelFolder folder;
  Server server(TestOptions(folder.path()));
  ASSERT_THAT(server.Listen(), IsOk());
  const auto stub = engine_pb::VllmEngine::NewStub(
      grpc::CreateChannel(server.address(), grpc::InsecureChannelCredentials()));
  engine_pb::HealthCheckResponse response;
  EXPECT_EQ(Call(*stub, &VllmStub::HealthCheck, {}, response).error_message(),
            "the model is still loading");
  ASSERT_THAT(server.LoadModel(), IsOk());
  server.StartServing();
  EXPECT_TRUE(Call(*stub, &VllmStub::HealthCheck, {}, response).ok());
}

TEST_F(VllmInfoTest, TheModelIsToldWithoutItsPath) {
  engine_pb::GetModelInfoResponse info;
  ASSERT_TRUE(Call(stub(), &VllmStub::GetModelInfo, {}, info).ok());
  EXPECT_EQ(info.served_model_name(), "test");
  EXPECT_TRUE(info.is_generation());
  EXPECT_FALSE(info.supports_vision());
  EXPECT_EQ(info.model_type(), "gpt2");
  EXPECT_THAT(info.architectures(), ElementsAre("GPT2LMHeadModel"));
  const ModelInfo& model = served_.server().backend().info;
  EXPECT_EQ(info.vocab_size(), model.config.vocab_size);
  EXPECT_EQ(info.max_context_length(), model.MaxTotalTokens());
  EXPECT_EQ(info.eos_token_ids_size(), static_cast<int>(model.defaults.eos_token_ids.size()));
  EXPECT_THAT(info.default_sampling_params_json(), HasSubstr("\"max_tokens\": 128"));
  EXPECT_THAT(info.ShortDebugString(), ::testing::Not(HasSubstr(folder_.path())));
}

TEST_F(VllmInfoTest, TheServerTellsWhenARequestCameLast) {
  engine_pb::GetServerInfoResponse before;
  ASSERT_TRUE(Call(stub(), &VllmStub::GetServerInfo, {}, before).ok());
  EXPECT_EQ(before.last_receive_timestamp(), 0.0);
  EXPECT_EQ(before.data_parallel_size(), 1);
  EXPECT_EQ(before.block_size(), 16);
  EXPECT_EQ(before.kv_cache_dtype(), "float32");
  EXPECT_EQ(before.max_num_seqs(), 64);
  EXPECT_TRUE(Generate(stub(), VllmRequest(1, /*stream=*/false)).status.ok());
  engine_pb::GetServerInfoResponse after;
  ASSERT_TRUE(Call(stub(), &VllmStub::GetServerInfo, {}, after).ok());
  EXPECT_GT(after.last_receive_timestamp(), 1.7e9);
  EXPECT_GE(after.uptime_seconds(), before.uptime_seconds());
}

TEST_F(VllmInfoTest, LoadsAreThoseOfTheWorker) {
  engine_pb::GenerateRequest request = VllmRequest(kEndless, /*stream=*/true);
  grpc::ClientContext context;
  const auto running = stub().Generate(&context, request);
  engine_pb::GenerateResponse first;
  ASSERT_TRUE(running->Read(&first));
  engine_pb::GetLoadsResponse loads;
  ASSERT_TRUE(Call(stub(), &VllmStub::GetLoads, {}, loads).ok());
  EXPECT_THAT(loads.timestamp(), MatchesRegex("20..-..-..T..:..:..\\....Z"));
  EXPECT_EQ(loads.dp_rank_count(), 1);
  ASSERT_EQ(loads.loads_size(), 1);
  EXPECT_EQ(loads.loads(0).num_running_reqs(), 1);
  EXPECT_EQ(loads.loads(0).num_total_reqs(), 1);
  EXPECT_EQ(loads.loads(0).max_running_requests(), 64);
  EXPECT_GT(loads.loads(0).num_used_tokens(), 0);
  EXPECT_GT(loads.loads(0).token_usage(), 0.0);
  EXPECT_GE(loads.loads(0).max_total_num_tokens(), loads.loads(0).num_used_tokens());
  context.TryCancel();
  engine_pb::GetLoadsRequest other;
  other.set_dp_rank(1);
  ASSERT_TRUE(Call(stub(), &VllmStub::GetLoads, other, loads).ok());
  EXPECT_EQ(loads.loads_size(), 0);
}

TEST_F(VllmInfoTest, TheTokenizerComesInChunksWithItsDigestLast) {
  grpc::ClientContext context;
  const auto reader = stub().GetTokenizer(&context, {});
  std::string zip;
  common_pb::GetTokenizerChunk chunk;
  int chunks = 0;
  while (reader->Read(&chunk)) {
    EXPECT_LE(chunk.data().size(), 512U << 10);
    zip += chunk.data();
    ++chunks;
  }
  ASSERT_TRUE(reader->Finish().ok());
  EXPECT_EQ(chunk.sha256().size(), 64U);
  EXPECT_EQ(zip.substr(0, 4), "PK\x03\x04");
  EXPECT_THAT(zip, HasSubstr("tokenizer.json"));
  EXPECT_GE(chunks, 1);
}

TEST(VllmTokenizerTest, ThereIsNoneWhereTheServerHasNone) {
  const ModelFolder folder;
  Served served(folder.path(), [](Options& options) { options.tokenizer = "none"; });
  const auto stub = NewVllmStub(served);
  grpc::ClientContext context;
  const auto reader = stub->GetTokenizer(&context, {});
  common_pb::GetTokenizerChunk chunk;
  EXPECT_FALSE(reader->Read(&chunk));
  EXPECT_EQ(reader->Finish().error_code(), grpc::StatusCode::FAILED_PRECONDITION);
}

TEST_F(VllmInfoTest, WhatItDoesNotDoItSays) {
  common_pb::ProfileResponse response;
  const grpc::Status start =
      Call(stub(), &VllmStub::StartProfile, common_pb::StartProfileRequest(), response);
  EXPECT_EQ(start.error_code(), grpc::StatusCode::UNIMPLEMENTED);
  EXPECT_THAT(start.error_message(), HasSubstr("metrics"));
  EXPECT_EQ(
      Call(stub(), &VllmStub::StopProfile, common_pb::StopProfileRequest(), response).error_code(),
      grpc::StatusCode::UNIMPLEMENTED);
}

}  // namespace
}  // namespace cascade::server
