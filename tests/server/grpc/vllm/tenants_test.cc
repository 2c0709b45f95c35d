// SPDX-License-Identifier: Apache-2.0
// VllmEngine of a server with --callers_file, over loopback TCP.
#include <memory>
#include <string>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "server/engine/prefix_log.h"
#include "server/engine/worker.h"
#include "server/grpc/auth/callers_file.h"
#include "server/grpc/backend.h"
#include "tests/server/grpc/vllm/vllm_calls.h"
#include "tests/server/model_folder.h"
#include "tests/server/served.h"
#include "tests/support/temp_dir.h"

namespace cascade::server {
namespace {

using namespace ::cascade::testing;  // NOLINT: the calls of this dialect

class VllmTenantsTest : public ::testing::Test {
 protected:
  VllmTenantsTest() {
    const TokenHash hash = HashToken("token-a");
    folder_.WriteFile(
        "callers",
        absl::StrCat(
            "a ", absl::BytesToHexString({reinterpret_cast<const char*>(hash.data()), hash.size()}),
            "\n"));
    served_ = std::make_unique<Served>(model_.path(), [this](Options& options) {
      options.callers_file = folder_.PathOf("callers");
      options.worker.kept_prefix_events = 64;
    });
    stub_ = NewVllmStub(*served_);
  }

  static void Show(grpc::ClientContext& context) {
    context.AddMetadata("authorization", "Bearer token-a");
  }

  const TempDir folder_;
  const ModelFolder model_;
  std::unique_ptr<Served> served_;
  std::unique_ptr<VllmStub> stub_;
};

TEST_F(VllmTenantsTest, WhoIsNotKnownIsToldNothing) {
  EXPECT_EQ(Generate(*stub_, VllmRequest(1, true)).status.error_code(),
            grpc::StatusCode::UNAUTHENTICATED);
  engine_pb::HealthCheckResponse health;
  EXPECT_EQ(Call(*stub_, &VllmStub::HealthCheck, {}, health).error_code(),
            grpc::StatusCode::UNAUTHENTICATED);
  grpc::ClientContext subscription;
  const auto events = stub_->SubscribeKvEvents(&subscription, {});
  common_pb::KvEventBatch batch;
  EXPECT_FALSE(events->Read(&batch));
  EXPECT_EQ(events->Finish().error_code(), grpc::StatusCode::UNAUTHENTICATED);
  grpc::ClientContext download;
  const auto tokenizer = stub_->GetTokenizer(&download, {});
  common_pb::GetTokenizerChunk chunk;
  EXPECT_FALSE(tokenizer->Read(&chunk));
  EXPECT_EQ(tokenizer->Finish().error_code(), grpc::StatusCode::UNAUTHENTICATED);
}

TEST_F(VllmTenantsTest, NoCallersPromptsAreToldAndNoneEmptiesTheCacheOfAll) {
  engine_pb::GenerateRequest request = VllmRequest(40, /*stream=*/false);
  grpc::ClientContext generate;
  Show(generate);
  EXPECT_TRUE(ReadAll(*stub_->Generate(&generate, request)).status.ok());
  const Worker& worker = served_->server().backend().worker;
  EXPECT_GT(worker.stats().cached_blocks, 0U);
  EXPECT_EQ(worker.prefixes().range().next, 1U);  // nothing was noted
  grpc::ClientContext flush;
  Show(flush);
  common_pb::FlushCacheResponse response;
  EXPECT_EQ(stub_->FlushCache(&flush, {}, &response).error_code(),
            grpc::StatusCode::PERMISSION_DENIED);
}

}  // namespace
}  // namespace cascade::server
