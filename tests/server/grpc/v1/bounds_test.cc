// SPDX-License-Identifier: Apache-2.0
// What one client may make the server hold, over loopback TCP.
#include <cstddef>
#include <future>
#include <memory>
#include <string>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "grpcpp/generic/generic_stub.h"
#include "gtest/gtest.h"
#include "server/grpc/call/call_memory.h"
#include "server/grpc/request/limits.h"
#include "tests/server/model_folder.h"
#include "tests/server/served.h"

namespace cascade::server {
namespace {

using ::cascade::testing::kEndless;
using ::cascade::testing::LongText;
using ::cascade::testing::ModelFolder;
using ::cascade::testing::ReadAll;
using ::cascade::testing::Request;
using ::cascade::testing::Served;
using ::cascade::testing::Stream;
using ::testing::AllOf;
using ::testing::HasSubstr;

// Sends `bytes` as the message of a unary method, or of a stream's whose answer is not read.
grpc::Status SendBytes(const Served& served, const std::string& method, const std::string& bytes) {
  grpc::TemplatedGenericStub<grpc::ByteBuffer, grpc::ByteBuffer> stub(served.NewChannel());
  const grpc::Slice slice(bytes);
  const grpc::ByteBuffer request(&slice, 1);
  grpc::ByteBuffer response;
  grpc::ClientContext context;
  grpc::Status result;
  std::promise<void> done;
  stub.UnaryCall(&context, absl::StrCat("/cascade.v1.TextGeneration/", method), {}, &request,
                 &response, [&result, &done](const grpc::Status& status) {
                   result = status;
                   done.set_value();
                 });
  done.get_future().wait();
  return result;
}

class BoundsTest : public ::testing::Test {
 protected:
  ModelFolder folder_;
  Served served_{folder_.path()};
};

TEST_F(BoundsTest, AMessageThatDoesNotParseIsNamed) {
  const std::string cut_emoji("\x12\x02\xF0\x9F", 4);  // a text of half a character
  const std::string truncated("\x12\x7F", 2);
  for (const char* method : {"Generate", "GenerateStream", "Tokenize"}) {
    for (const std::string& bytes : {truncated, std::string("\xFF\xFF\xFF")}) {
      const grpc::Status status = SendBytes(served_, method, bytes);
      EXPECT_EQ(status.error_code(), grpc::StatusCode::INVALID_ARGUMENT) << method;
      EXPECT_THAT(status.error_message(), HasSubstr("is not a cascade.v1."));
    }
  }
  EXPECT_THAT(SendBytes(served_, "Generate", cut_emoji).error_message(),
              AllOf(HasSubstr("cascade.v1.GenerateRequest"), HasSubstr("UTF-8")));
  EXPECT_EQ(SendBytes(served_, "GetModel", truncated).error_code(),
            grpc::StatusCode::INVALID_ARGUMENT);
}

TEST_F(BoundsTest, CompressedMessagesAreNotInflated) {
  v1::TokenizeRequest request;
  request.set_text(LongText());
  grpc::ClientContext context;
  context.set_compression_algorithm(GRPC_COMPRESS_GZIP);
  v1::TokenizeResponse response;
  const grpc::Status status = served_.stub().Tokenize(&context, request, &response);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::UNIMPLEMENTED);
  EXPECT_THAT(status.error_message(), HasSubstr("gzip"));
}

TEST_F(BoundsTest, MetadataOfProxiesAndTracesIsTaken) {
  grpc::ClientContext context;
  context.AddMetadata("baggage", std::string(60'000, 'x'));
  v1::GetModelResponse response;
  EXPECT_TRUE(served_.stub().GetModel(&context, {}, &response).ok());
}

TEST_F(BoundsTest, LongTextsAreAnsweredLikeShortOnes) {
  v1::TokenizeRequest tokenize;
  tokenize.set_text(LongText());
  v1::TokenizeResponse tokens;
  grpc::ClientContext context;
  ASSERT_TRUE(served_.stub().Tokenize(&context, tokenize, &tokens).ok());
  EXPECT_EQ(tokens.token_ids(0), 2762U);
  EXPECT_GT(static_cast<std::size_t>(tokens.token_ids_size()), kMaxTextBytes / 16);

  v1::GenerateRequest generate = Request(4);
  generate.set_text(LongText());
  generate.mutable_truncation()->set_max_prompt_tokens(8);
  grpc::ClientContext unary_context;
  v1::GenerateResponse answer;
  ASSERT_TRUE(served_.stub().Generate(&unary_context, generate, &answer).ok());
  grpc::ClientContext stream_context;
  const Stream stream = ReadAll(*served_.stub().GenerateStream(&stream_context, generate));
  EXPECT_TRUE(stream.status.ok());
  EXPECT_EQ(stream.Answer().text(), answer.choices(0).text());
  EXPECT_GT(answer.prompt().truncated_tokens(), 0U);
}

// Room for one long request and its answer, but not for two.
class CallMemoryBoundTest : public ::testing::Test {
 protected:
  ModelFolder folder_;
  Served served_{folder_.path(), [](Options& options) {
                   options.call_memory_bytes = 2 * CallBytes(kMaxTextBytes);
                 }};
};

TEST_F(CallMemoryBoundTest, ATextThatThereIsNoMemoryForIsRefusedAndComesBack) {
  v1::GenerateRequest large = Request(kEndless);
  large.set_text(LongText());
  large.mutable_truncation()->set_max_prompt_tokens(8);
  grpc::ClientContext holder_context;
  const auto holder = served_.stub().GenerateStream(&holder_context, large);
  holder->WaitForInitialMetadata();

  v1::TokenizeRequest tokenize;
  tokenize.set_text(LongText());
  const auto try_again = [this, &tokenize] {
    grpc::ClientContext context;
    v1::TokenizeResponse response;
    return served_.stub().Tokenize(&context, tokenize, &response);
  };
  const grpc::Status refused = try_again();
  EXPECT_EQ(refused.error_code(), grpc::StatusCode::RESOURCE_EXHAUSTED);
  EXPECT_THAT(refused.error_message(), HasSubstr("--call_memory_bytes="));
  google::rpc::RetryInfo retry;
  EXPECT_TRUE(cascade::testing::FindDetail(refused, retry));

  grpc::ClientContext short_context;
  v1::GetModelResponse model;
  EXPECT_TRUE(served_.stub().GetModel(&short_context, {}, &model).ok());

  holder_context.TryCancel();
  (void)holder->Finish();
  grpc::Status status = try_again();
  while (status.error_code() == grpc::StatusCode::RESOURCE_EXHAUSTED) {
    status = try_again();  // until the server has let go of the call
  }
  EXPECT_TRUE(status.ok());
}

TEST_F(CallMemoryBoundTest, AnAnswerThatThereIsNoMemoryForIsRefused) {
  v1::DetokenizeRequest request;  // 2 bytes an id, which become 4 bytes of text, twice
  for (int i = 0; i < 130'000; ++i) request.add_token_ids(2762);
  v1::DetokenizeResponse response;
  grpc::ClientContext context;
  const grpc::Status status = served_.stub().Detokenize(&context, request, &response);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::RESOURCE_EXHAUSTED);
  EXPECT_THAT(status.error_message(), HasSubstr("--call_memory_bytes="));
}

}  // namespace
}  // namespace cascade::server
