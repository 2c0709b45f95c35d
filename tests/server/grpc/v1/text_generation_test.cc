// SPDX-License-Identifier: Apache-2.0
// The service as its clients see it, over loopback TCP.
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "gmock/gmock.h"
#include "google/protobuf/util/message_differencer.h"
#include "gtest/gtest.h"
#include "tests/server/model_folder.h"
#include "tests/server/served.h"

namespace cascade::server {
namespace {

using ::cascade::testing::BadFields;
using ::cascade::testing::DetailsMessage;
using ::cascade::testing::GenerateStream;
using ::cascade::testing::ModelFolder;
using ::cascade::testing::Request;
using ::cascade::testing::Served;
using ::cascade::testing::Stream;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

v1::GenerateRequest WithEverything() {
  v1::GenerateRequest request = Request(40);
  request.mutable_sampling()->set_temperature(1.0F);
  request.mutable_sampling()->set_seed(5);
  request.mutable_response()->set_token_ids(true);
  request.mutable_response()->set_logprobs(true);
  request.mutable_response()->set_candidates(3);
  request.mutable_response()->set_bytes(true);
  return request;
}

class TextGenerationTest : public ::testing::Test {
 protected:
  ModelFolder folder_;
  Served served_{folder_.path()};
};

TEST_F(TextGenerationTest, AStreamIsPromptDeltasFinishSummary) {
  v1::GenerateRequest request = Request(20);
  request.set_request_id("mine");
  const Stream stream = GenerateStream(served_.stub(), request);
  ASSERT_TRUE(stream.status.ok()) << stream.status.error_message();
  ASSERT_GE(stream.events.size(), 4U);
  EXPECT_EQ(stream.events[0].prompt().request_id(), "mine");
  EXPECT_EQ(stream.events[0].prompt().prompt_tokens(), 4U);
  for (std::size_t i = 1; i + 2 < stream.events.size(); ++i) {
    EXPECT_TRUE(stream.events[i].has_delta());
    EXPECT_NE(stream.events[i].delta().text(), "");
  }
  const v1::Finish& finish = stream.events[stream.events.size() - 2].finish();
  EXPECT_EQ(finish.reason(), v1::FINISH_REASON_MAX_TOKENS);
  EXPECT_EQ(finish.generated_tokens(), 20U);
  const v1::Summary& summary = stream.events.back().summary();
  EXPECT_EQ(summary.usage().prompt_tokens(), 4U);
  EXPECT_EQ(summary.usage().generated_tokens(), 20U);
  EXPECT_EQ(summary.fingerprint(), served_.server().backend().info.fingerprint);
}

TEST_F(TextGenerationTest, ARequestWithoutAnIdTakesTheOneOfItsMetadata) {
  using Headers = std::vector<std::pair<std::string, std::string>>;
  const auto id = [this](const Headers& headers, const std::string& field) {
    grpc::ClientContext context;
    for (const auto& [name, value] : headers) context.AddMetadata(name, value);
    v1::GenerateRequest request = Request(1);
    request.set_request_id(field);
    v1::GenerateResponse response;
    const grpc::Status status = served_.stub().Generate(&context, request, &response);
    EXPECT_TRUE(status.ok()) << status.error_message();
    return response.prompt().request_id();
  };
  EXPECT_EQ(id({{"x-request-id", "r"}, {"x-correlation-id", "c"}}, ""), "r");
  EXPECT_EQ(id({{"x-correlation-id", "c"}}, ""), "c");
  EXPECT_EQ(id({{"x-request-id", "r"}}, "field"), "field");
  EXPECT_EQ(id({{"x-request-id", "r"}, {"x-request-id", "again"}}, ""), "r");
  // What cannot be an id is not refused: a proxy may have added it.
  EXPECT_EQ(id({{"x-request-id", std::string(129, 'r')}, {"x-correlation-id", "c"}}, ""), "c");
  EXPECT_THAT(id({{"x-request-id", ""}}, ""), ::testing::MatchesRegex("[0-9a-f]{16}"));
  EXPECT_THAT(id({{"traceparent", "no"}}, ""), ::testing::MatchesRegex("[0-9a-f]{16}"));
}

TEST_F(TextGenerationTest, TheUnaryTwinSaysTheSame) {
  const v1::GenerateRequest request = WithEverything();
  const Stream stream = GenerateStream(served_.stub(), request);
  ASSERT_TRUE(stream.status.ok());
  grpc::ClientContext context;
  v1::GenerateResponse response;
  ASSERT_TRUE(served_.stub().Generate(&context, request, &response).ok());

  const v1::Delta streamed = stream.Answer();
  ASSERT_EQ(response.choices_size(), 1);
  v1::Delta gathered;
  gathered.set_text(response.choices(0).text());
  *gathered.mutable_token_ids() = response.choices(0).token_ids();
  *gathered.mutable_logprobs() = response.choices(0).logprobs();
  EXPECT_TRUE(google::protobuf::util::MessageDifferencer::Equals(streamed, gathered));
  EXPECT_EQ(gathered.token_ids_size(), 40);
  EXPECT_EQ(gathered.logprobs_size(), 40);
  EXPECT_EQ(gathered.logprobs(0).candidates_size(), 3);
  for (const v1::TokenLogProbs& token : gathered.logprobs()) {
    EXPECT_FALSE(token.token().empty());
    for (const auto& candidate : token.candidates()) {
      if (candidate.token_id() != token.token_id()) continue;
      EXPECT_EQ(candidate.token(), token.token());
    }
  }
  EXPECT_EQ(response.prompt().prompt_tokens(), 4U);
  EXPECT_EQ(response.choices(0).finish().SerializeAsString(),
            stream.events[stream.events.size() - 2].finish().SerializeAsString());
  EXPECT_EQ(response.summary().fingerprint(), stream.events.back().summary().fingerprint());
}

TEST_F(TextGenerationTest, AnswersDoNotDependOnWhoElseIsAsking) {
  const std::string alone =
      GenerateStream(served_.stub(), WithEverything()).Answer().SerializeAsString();
  std::vector<std::string> together(16);
  std::vector<std::thread> clients;
  for (std::string& answer : together) {
    clients.emplace_back([this, &answer] {
      answer = GenerateStream(served_.stub(), WithEverything()).Answer().SerializeAsString();
    });
  }
  for (std::thread& client : clients) client.join();
  for (const std::string& answer : together) EXPECT_EQ(answer, alone);
}

TEST_F(TextGenerationTest, ASeedThatWasReportedGivesTheSameAgain) {
  v1::GenerateRequest request = Request(20);
  request.mutable_sampling()->set_temperature(1.0F);
  request.mutable_response()->set_token_ids(true);
  const Stream first = GenerateStream(served_.stub(), request);
  const v1::Finish& finish = first.events[first.events.size() - 2].finish();
  request.mutable_sampling()->set_seed(finish.seed());
  const Stream second = GenerateStream(served_.stub(), request);
  EXPECT_EQ(first.Answer().SerializeAsString(), second.Answer().SerializeAsString());

  request.mutable_sampling()->clear_seed();
  const Stream third = GenerateStream(served_.stub(), request);
  EXPECT_NE(first.Answer().SerializeAsString(), third.Answer().SerializeAsString());
}

TEST_F(TextGenerationTest, AStopStringEndsTheTextAndIsNamed) {
  const std::string text = GenerateStream(served_.stub(), Request(40)).Answer().text();
  const std::string stop = text.substr(text.size() / 2, 3);
  v1::GenerateRequest request = Request(40);
  request.mutable_stopping()->add_stop(stop);
  const Stream stream = GenerateStream(served_.stub(), request);
  ASSERT_TRUE(stream.status.ok());
  EXPECT_EQ(stream.Answer().text(), text.substr(0, text.find(stop)));
  const v1::Finish& finish = stream.events[stream.events.size() - 2].finish();
  EXPECT_EQ(finish.reason(), v1::FINISH_REASON_STOP_STRING);
  EXPECT_EQ(finish.matched_stop(), stop);
}

TEST_F(TextGenerationTest, AllThatIsWrongComesBackAtOnce) {
  v1::GenerateRequest request;
  request.mutable_sampling()->set_top_p(2.0F);
  request.mutable_stopping()->add_stop("");
  const Stream stream = GenerateStream(served_.stub(), request);
  EXPECT_TRUE(stream.events.empty());
  EXPECT_EQ(stream.status.error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_THAT(BadFields(stream.status),
              ElementsAre("prompt", "sampling.top_p", "stopping.stop[0]"));
  EXPECT_EQ(DetailsMessage(stream.status), stream.status.error_message());

  grpc::ClientContext context;
  v1::GenerateResponse response;
  const grpc::Status status = served_.stub().Generate(&context, request, &response);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_EQ(status.error_details(), stream.status.error_details());
}

TEST_F(TextGenerationTest, AMillionWrongTokensStillGetTheirDetails) {
  v1::GenerateRequest request;
  for (int i = 0; i < 1'000'000; ++i) request.mutable_token_ids()->add_ids(70'000);
  const Stream stream = GenerateStream(served_.stub(), request);
  EXPECT_EQ(stream.status.error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_EQ(BadFields(stream.status).size(), 10U);  // and that it is too long
}

TEST_F(TextGenerationTest, AMessageOverTheLimitIsRefused) {
  v1::GenerateRequest request;
  request.set_text(std::string(5 << 20, 'x'));
  EXPECT_EQ(GenerateStream(served_.stub(), request).status.error_code(),
            grpc::StatusCode::RESOURCE_EXHAUSTED);
}

TEST(TextGenerationContextTest, AFullContextEndsTheText) {
  const ModelFolder folder(/*n_ctx=*/48);
  Served served(folder.path());
  const Stream stream = GenerateStream(served.stub(), Request(1000));
  ASSERT_TRUE(stream.status.ok());
  const v1::Finish& finish = stream.events[stream.events.size() - 2].finish();
  EXPECT_EQ(finish.reason(), v1::FINISH_REASON_CONTEXT_FULL);
  EXPECT_EQ(finish.generated_tokens(), 44U);
}

TEST(TextGenerationContextTest, AnEmptyTextIsNoPrompt) {
  const ModelFolder folder(/*n_ctx=*/48);
  Served served(folder.path());
  v1::GenerateRequest request;
  request.set_text("");
  const Stream stream = GenerateStream(served.stub(), request);
  EXPECT_THAT(BadFields(stream.status), ElementsAre("text"));
  EXPECT_THAT(stream.status.error_message(), HasSubstr("end-of-text"));
}

TEST_F(TextGenerationTest, ADeltaHasAsManyTokensAsAskedForButTheLast) {
  v1::GenerateRequest request = Request(100);
  request.mutable_response()->set_token_ids(true);
  const std::string text = GenerateStream(served_.stub(), request).Answer().text();
  request.mutable_response()->set_stream_interval(30);
  const Stream stream = GenerateStream(served_.stub(), request);
  ASSERT_TRUE(stream.status.ok()) << stream.status.error_message();
  EXPECT_EQ(stream.Answer().text(), text);
  std::vector<int> tokens;
  for (const v1::GenerateEvent& event : stream.events) {
    if (event.has_delta()) tokens.push_back(event.delta().token_ids_size());
  }
  ASSERT_FALSE(tokens.empty());
  EXPECT_LE(tokens.size(), 4U);  // fewer if the client is slower than the model
  tokens.pop_back();
  EXPECT_THAT(tokens, ::testing::Each(::testing::Ge(30)));
}

TEST_F(TextGenerationTest, EchoTellsWhatTheModelSees) {
  v1::GenerateRequest request = Request(3);
  request.set_text("Once upon a time");
  request.mutable_truncation()->set_max_prompt_tokens(2);
  request.mutable_response()->set_echo(true);
  const Stream stream = GenerateStream(served_.stub(), request);
  ASSERT_TRUE(stream.status.ok()) << stream.status.error_message();
  EXPECT_THAT(stream.events[0].prompt().text(), ::testing::EndsWith(" time"));
  EXPECT_LT(stream.events[0].prompt().text().size(), request.text().size());
}

}  // namespace
}  // namespace cascade::server
