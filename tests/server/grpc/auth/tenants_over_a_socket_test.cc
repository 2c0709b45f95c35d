// SPDX-License-Identifier: Apache-2.0
// A server with --callers_file, as its clients see it.
#include <chrono>
#include <cstdint>
#include <fstream>
#include <memory>
#include <string>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "grpc/reflection/v1/reflection.grpc.pb.h"
#include "gtest/gtest.h"
#include "server/grpc/auth/callers_file.h"
#include "tests/server/model_folder.h"
#include "tests/server/served.h"
#include "tests/support/temp_dir.h"

namespace cascade::server {
namespace {

using ::cascade::testing::FindDetail;
using ::cascade::testing::kEndless;
using ::cascade::testing::ModelFolder;
using ::cascade::testing::Request;
using ::cascade::testing::Served;
using ::cascade::testing::TempDir;
using ::testing::HasSubstr;

class TenantsTest : public ::testing::Test {
 protected:
  void Write() const {
    std::ofstream(path_) << Line("a", "token-a", "max_requests=1 max_priority=3")
                         << Line("b", "token-b", "tokens_per_minute=40")
                         << Line("c", "token-c", "share_prefixes=true")
                         << Line("d", "token-d", "share_prefixes=true");
  }

  static std::string Line(absl::string_view name, absl::string_view token,
                          absl::string_view settings) {
    const TokenHash hash = HashToken(token);
    return absl::StrCat(
        name, " ",
        absl::BytesToHexString({reinterpret_cast<const char*>(hash.data()), hash.size()}), " ",
        settings, "\n");
  }

  static void Show(absl::string_view token, grpc::ClientContext& context) {
    if (!token.empty()) context.AddMetadata("authorization", absl::StrCat("Bearer ", token));
  }

  grpc::Status Generate(absl::string_view token, const v1::GenerateRequest& request,
                        v1::GenerateResponse& response) {
    grpc::ClientContext context;
    Show(token, context);
    return served_.stub().Generate(&context, request, &response);
  }

  grpc::StatusCode CodeFor(absl::string_view token) {
    v1::GenerateResponse response;
    return Generate(token, Request(1), response).error_code();
  }

  // Of a prompt that fills blocks of the cache.
  std::uint32_t CachedTokens(absl::string_view token) {
    v1::GenerateRequest request = Request(1);
    request.clear_text();
    for (int i = 0; i < 100; ++i) request.mutable_token_ids()->add_ids(300);
    v1::GenerateResponse response;
    const grpc::Status status = Generate(token, request, response);
    EXPECT_TRUE(status.ok()) << status.error_code() << ": " << status.error_message();
    return response.prompt().cached_tokens();
  }

  const TempDir folder_;
  const std::string path_ = folder_.PathOf("tokens");
  ModelFolder model_;
  Served served_{model_.path(), [this](Options& options) {
                   Write();
                   options.callers_file = path_;
                 }};
};

TEST_F(TenantsTest, EverythingButHealthIsClosedToWhoIsNotKnown) {
  EXPECT_EQ(CodeFor("token-a"), grpc::StatusCode::OK);
  EXPECT_EQ(CodeFor(""), grpc::StatusCode::UNAUTHENTICATED);
  EXPECT_EQ(CodeFor("token"), grpc::StatusCode::UNAUTHENTICATED);
  for (const std::string token : {"", "token-a"}) {
    const grpc::StatusCode expected =
        token.empty() ? grpc::StatusCode::UNAUTHENTICATED : grpc::StatusCode::OK;
    grpc::ClientContext model;
    Show(token, model);
    v1::GetModelResponse facts;
    EXPECT_EQ(served_.stub().GetModel(&model, {}, &facts).error_code(), expected);
    grpc::ClientContext stream;
    Show(token, stream);
    const auto reader = served_.stub().GenerateStream(&stream, Request(1));
    EXPECT_EQ(testing::ReadAll(*reader).status.error_code(), expected);
    grpc::ClientContext reflection;
    Show(token, reflection);
    const auto reflected = grpc::reflection::v1::ServerReflection::NewStub(served_.NewChannel())
                               ->ServerReflectionInfo(&reflection);
    reflected->WritesDone();
    EXPECT_EQ(reflected->Finish().error_code(), expected);
  }
  grpc::ClientContext health;
  grpc::health::v1::HealthCheckResponse response;
  EXPECT_TRUE(served_.health().Check(&health, {}, &response).ok());
}

TEST_F(TenantsTest, NobodyAbortsAnothersRequest) {
  v1::GenerateRequest request = Request(kEndless);
  request.set_request_id("mine");
  grpc::ClientContext context;
  Show("token-a", context);
  const auto reader = served_.stub().GenerateStream(&context, request);
  v1::GenerateEvent event;
  while (!event.has_delta() && reader->Read(&event)) {
  }
  for (const std::string token : {"token-b", "token-a"}) {
    grpc::ClientContext abort_context;
    Show(token, abort_context);
    v1::AbortRequest abort;
    abort.add_request_ids("mine");
    v1::AbortResponse aborted;
    EXPECT_TRUE(served_.stub().Abort(&abort_context, abort, &aborted).ok());
    EXPECT_EQ(aborted.request_ids_size(), token == "token-a" ? 1 : 0);
  }
  EXPECT_EQ(testing::ReadAll(*reader).status.error_code(), grpc::StatusCode::CANCELLED);
}

TEST_F(TenantsTest, ACallerHasNoMoreRequestsThanItMay) {
  grpc::ClientContext context;
  Show("token-a", context);
  const auto reader = served_.stub().GenerateStream(&context, Request(kEndless));
  v1::GenerateEvent event;
  while (!event.has_delta() && reader->Read(&event)) {
  }
  EXPECT_EQ(CodeFor("token-a"), grpc::StatusCode::RESOURCE_EXHAUSTED);
  EXPECT_EQ(CodeFor("token-c"), grpc::StatusCode::OK);
  context.TryCancel();
  EXPECT_FALSE(testing::ReadAll(*reader).status.ok());
  while (CodeFor("token-a") != grpc::StatusCode::OK) {
  }
}

// Its place is free before it can know that an answer has ended.
TEST_F(TenantsTest, ACallerOfOneRequestMaySendTheNextAtOnce) {
  for (int i = 0; i < 50; ++i) EXPECT_EQ(CodeFor("token-a"), grpc::StatusCode::OK);
}

TEST_F(TenantsTest, ACallerHasNoMoreTokensThanItMay) {
  v1::GenerateResponse response;
  ASSERT_TRUE(Generate("token-b", Request(100), response).ok());
  const grpc::Status refusal = Generate("token-b", Request(1), response);
  EXPECT_EQ(refusal.error_code(), grpc::StatusCode::RESOURCE_EXHAUSTED);
  EXPECT_THAT(refusal.error_message(), HasSubstr("\"b\" has used up its 40 tokens a minute"));
  google::rpc::RetryInfo retry;
  ASSERT_TRUE(FindDetail(refusal, retry));
  EXPECT_GT(retry.retry_delay().seconds(), 60);  // a debt of 64 tokens and more
  EXPECT_EQ(CodeFor("token-a"), grpc::StatusCode::OK);
}

TEST_F(TenantsTest, ACallerHasAPriorityOfItsOwn) {
  v1::GenerateRequest request = Request(1);
  request.set_priority(3);
  v1::GenerateResponse response;
  EXPECT_TRUE(Generate("token-a", request, response).ok());
  request.set_priority(4);
  EXPECT_THAT(Generate("token-a", request, response).error_message(),
              HasSubstr("must be from -10 to 3, the caller's max_priority"));
  EXPECT_THAT(Generate("token-c", request, response).error_message(),
              HasSubstr("to 0, this server's --max_priority"));
}

TEST_F(TenantsTest, CallersShareNoPrefixUnlessBothShare) {
  EXPECT_EQ(CachedTokens("token-a"), 0U);
  EXPECT_GT(CachedTokens("token-a"), 0U);
  EXPECT_EQ(CachedTokens("token-c"), 0U);
  EXPECT_GT(CachedTokens("token-d"), 0U);
}

TEST_F(TenantsTest, AFileThatChangesIsReadAgain) {
  EXPECT_EQ(CodeFor("token-a"), grpc::StatusCode::OK);
  std::ofstream(path_) << Line("a", "next", "");
  while (CodeFor("next") != grpc::StatusCode::OK) {
  }
  EXPECT_EQ(CodeFor("token-a"), grpc::StatusCode::UNAUTHENTICATED);
}

}  // namespace
}  // namespace cascade::server
