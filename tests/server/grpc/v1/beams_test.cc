// SPDX-License-Identifier: Apache-2.0
// Beam search as clients see it, over loopback TCP.
#include <cstdint>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/server/model_folder.h"
#include "tests/server/served.h"

namespace cascade::server {
namespace {

using ::cascade::testing::BadFields;
using ::cascade::testing::GenerateStream;
using ::cascade::testing::ModelFolder;
using ::cascade::testing::Request;
using ::cascade::testing::Served;
using ::cascade::testing::Stream;
using ::testing::ElementsAre;

v1::GenerateRequest Beams(std::uint32_t width, std::uint32_t n) {
  v1::GenerateRequest request = Request(20);
  request.clear_sampling();
  request.mutable_sampling()->set_n(n);
  request.mutable_beam_search()->set_width(width);
  request.mutable_response()->set_token_ids(true);
  return request;
}

class BeamsTest : public ::testing::Test {
 protected:
  v1::GenerateResponse Generate(const v1::GenerateRequest& request) {
    grpc::ClientContext context;
    v1::GenerateResponse response;
    const grpc::Status status = served_.stub().Generate(&context, request, &response);
    EXPECT_TRUE(status.ok()) << status.error_message();
    return response;
  }

  ModelFolder folder_;
  Served served_{folder_.path()};
};

TEST_F(BeamsTest, TheBestComeFirstWithTheirScores) {
  const v1::GenerateRequest request = Beams(4, 3);
  const v1::GenerateResponse response = Generate(request);
  ASSERT_EQ(response.choices_size(), 3);
  double last = 0;
  std::uint32_t tokens = 0;
  for (const v1::Choice& choice : response.choices()) {
    EXPECT_TRUE(choice.finish().has_beam_score());
    EXPECT_LE(choice.finish().beam_score(), last);
    EXPECT_EQ(choice.finish().seed(), 0U);
    EXPECT_EQ(choice.finish().generated_tokens(),
              static_cast<std::uint32_t>(choice.token_ids_size()));
    last = choice.finish().beam_score();
    tokens += choice.finish().generated_tokens();
  }
  EXPECT_EQ(response.summary().usage().generated_tokens(), tokens);
  served_.DrainAll();
  EXPECT_TRUE(served_.EverythingIsFree());
}

// Without penalties, a beam's score is the mean of its tokens' log-probabilities.
TEST_F(BeamsTest, AreScoredByTheModelsLogProbabilities) {
  for (const std::uint32_t width : {1U, 4U}) {
    v1::GenerateRequest request = Beams(width, 1);
    request.mutable_stopping()->set_ignore_eos(true);
    request.mutable_response()->set_logprobs(true);
    const v1::Choice best = Generate(request).choices(0);
    double sum = 0;
    for (const v1::TokenLogProbs& token : best.logprobs()) sum += double{token.logprob()};
    EXPECT_NEAR(best.finish().beam_score(), sum / best.logprobs_size(), 1e-5);
  }
}

TEST_F(BeamsTest, AStreamSaysTheSameAtItsEnd) {
  const v1::GenerateRequest request = Beams(3, 2);
  const v1::GenerateResponse response = Generate(request);
  const Stream stream = GenerateStream(served_.stub(), request);
  ASSERT_TRUE(stream.status.ok()) << stream.status.error_message();
  std::vector<std::string> texts(2);
  for (const v1::GenerateEvent& event : stream.events) {
    if (event.has_delta()) texts.at(event.delta().index()) += event.delta().text();
    if (!event.has_finish()) continue;
    EXPECT_EQ(
        event.finish().SerializeAsString(),
        response.choices(static_cast<int>(event.finish().index())).finish().SerializeAsString());
  }
  EXPECT_THAT(texts, ElementsAre(response.choices(0).text(), response.choices(1).text()));
}

// One token each: a longer text has many ways to be cut into tokens, and each is an answer.
TEST_F(BeamsTest, OfAConstraintThereAreAsManyAsItHasTexts) {
  v1::GenerateRequest request = Beams(4, 4);
  request.mutable_constraint()->mutable_choice()->add_values("x");
  request.mutable_constraint()->mutable_choice()->add_values("y");
  const v1::GenerateResponse response = Generate(request);
  EXPECT_EQ(response.choices_size(), 2);
  const Stream stream = GenerateStream(served_.stub(), request);
  EXPECT_TRUE(stream.status.ok()) << stream.status.error_message();
  EXPECT_TRUE(stream.events.back().has_summary());
}

TEST_F(BeamsTest, MoreThanTheServerRunsAreRefused) {
  const Stream stream = GenerateStream(served_.stub(), Beams(1000, 1));
  EXPECT_THAT(BadFields(stream.status), ElementsAre("beam_search.width"));
}

}  // namespace
}  // namespace cascade::server
