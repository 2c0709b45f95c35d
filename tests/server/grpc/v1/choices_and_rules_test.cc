// SPDX-License-Identifier: Apache-2.0
// Choices, penalties and token rules as clients see them, over loopback TCP.
#include <cstdint>
#include <functional>
#include <iterator>
#include <limits>
#include <map>
#include <set>
#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/server/model_folder.h"
#include "tests/server/served.h"

namespace cascade::server {
namespace {

using ::cascade::testing::BadFields;
using ::cascade::testing::GenerateStream;
using ::cascade::testing::kEndless;
using ::cascade::testing::ModelFolder;
using ::cascade::testing::Request;
using ::cascade::testing::Served;
using ::cascade::testing::Stream;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

class ChoicesAndRulesTest : public ::testing::Test {
 protected:
  ModelFolder folder_;
  Served served_{folder_.path()};
};

TEST_F(ChoicesAndRulesTest, EachChoiceSaysWhatARequestWithItsSeedSays) {
  v1::GenerateRequest request = Request(40);
  request.mutable_sampling()->set_temperature(1.0F);
  request.mutable_sampling()->set_seed(5);
  request.mutable_sampling()->set_n(3);
  request.mutable_response()->set_logprobs(true);
  grpc::ClientContext context;
  v1::GenerateResponse response;
  ASSERT_TRUE(served_.stub().Generate(&context, request, &response).ok());
  ASSERT_EQ(response.choices_size(), 3);
  std::set<std::string> texts;
  for (const v1::Choice& choice : response.choices()) {
    texts.insert(choice.text());
    request.mutable_sampling()->set_n(1);
    request.mutable_sampling()->set_seed(choice.finish().seed());
    const Stream alone = GenerateStream(served_.stub(), request);
    ASSERT_TRUE(alone.status.ok());
    EXPECT_EQ(alone.Answer().text(), choice.text());
    EXPECT_EQ(alone.Answer().logprobs(7).SerializeAsString(),
              choice.logprobs(7).SerializeAsString());
  }
  EXPECT_EQ(texts.size(), 3U);
  EXPECT_EQ(response.choices(2).finish().seed(), 7U);
  EXPECT_EQ(response.summary().usage().generated_tokens(), 120U);
}

TEST_F(ChoicesAndRulesTest, EachChoiceIsDrawnAsItsElementSays) {
  v1::GenerateRequest request = Request(40);
  v1::SamplingParams& sampling = *request.mutable_sampling();
  sampling.set_temperature(1.0F);
  sampling.set_seed(5);
  sampling.set_n(4);
  sampling.add_per_choice()->set_temperature(0.0F);
  sampling.add_per_choice()->set_top_k(3);
  sampling.add_per_choice()->set_seed(77);
  request.mutable_response()->set_logprobs(true);
  grpc::ClientContext context;
  v1::GenerateResponse response;
  ASSERT_TRUE(served_.stub().Generate(&context, request, &response).ok());
  ASSERT_EQ(response.choices_size(), 4);
  const std::uint64_t seeds[] = {5, 6, 77, 8};
  for (int i = 0; i < 4; ++i) {
    v1::GenerateRequest one = request;
    one.mutable_sampling()->clear_per_choice();
    one.mutable_sampling()->set_n(1);
    if (i == 0) one.mutable_sampling()->set_temperature(0.0F);
    if (i == 1) one.mutable_sampling()->set_top_k(3);
    one.mutable_sampling()->set_seed(seeds[i]);
    const Stream alone = GenerateStream(served_.stub(), one);
    ASSERT_TRUE(alone.status.ok());
    const v1::Choice& choice = response.choices(i);
    EXPECT_EQ(choice.finish().seed(), seeds[i]);
    EXPECT_EQ(alone.Answer().text(), choice.text());
    for (int t = 0; t < choice.logprobs_size(); ++t) {
      EXPECT_EQ(alone.Answer().logprobs(t).SerializeAsString(),
                choice.logprobs(t).SerializeAsString());
    }
  }
}

// Of the answers that a request for all of them gives, the best, the best first, streamed or not.
TEST_F(ChoicesAndRulesTest, BestOfTellsTheMostProbableAnswers) {
  v1::GenerateRequest request = Request(100);
  request.mutable_sampling()->set_temperature(1.0F);
  request.mutable_sampling()->set_seed(5);
  request.mutable_sampling()->set_n(4);
  request.mutable_response()->set_logprobs(true);
  const auto generate = [this, &request] {
    grpc::ClientContext context;
    v1::GenerateResponse response;
    EXPECT_TRUE(served_.stub().Generate(&context, request, &response).ok());
    return response;
  };
  std::map<double, std::uint64_t, std::greater<>> seeds;  // by the mean log-probability
  const v1::GenerateResponse all = generate();
  for (const v1::Choice& choice : all.choices()) {
    double sum = 0;
    for (const v1::TokenLogProbs& token : choice.logprobs()) sum += double{token.logprob()};
    seeds[sum / choice.logprobs_size()] = choice.finish().seed();
  }
  ASSERT_EQ(seeds.size(), 4U);
  request.mutable_sampling()->set_n(2);
  request.mutable_sampling()->mutable_best_of()->set_choices(4);
  request.mutable_response()->set_logprobs(false);
  const v1::GenerateResponse best = generate();
  ASSERT_EQ(best.choices_size(), 2);
  EXPECT_EQ(best.choices(0).finish().seed(), seeds.begin()->second);
  EXPECT_EQ(best.choices(1).finish().seed(), std::next(seeds.begin())->second);
  EXPECT_EQ(best.choices(0).logprobs_size(), 0);
  EXPECT_EQ(best.summary().usage().generated_tokens(), 400U);

  // They are compared by the model's own distribution, whatever is told.
  request.mutable_response()->set_logprobs(true);
  request.mutable_response()->set_distribution(v1::ResponseOptions::DISTRIBUTION_PROCESSED);
  const v1::GenerateResponse processed = generate();
  EXPECT_EQ(processed.choices(0).finish().seed(), seeds.begin()->second);
  request.clear_response();

  const Stream stream = GenerateStream(served_.stub(), request);
  ASSERT_TRUE(stream.status.ok());
  std::string first;
  for (const v1::GenerateEvent& event : stream.events) {
    if (event.has_delta() && event.delta().index() == 0) first += event.delta().text();
  }
  EXPECT_EQ(first, best.choices(0).text());
}

// With one token left to draw, its log-probability is 0, and there is no other candidate. The
// prompt's are the model's own all the same.
TEST_F(ChoicesAndRulesTest, AProcessedDistributionHasWhatWasLeftToDraw) {
  v1::GenerateRequest request = Request(5);
  request.mutable_sampling()->set_temperature(1.0F);
  request.mutable_response()->set_logprobs(true);
  request.mutable_response()->set_prompt_logprobs(true);
  request.mutable_response()->set_candidates(5);
  request.mutable_response()->add_candidate_ids(7);
  const Stream raw = GenerateStream(served_.stub(), request);
  ASSERT_TRUE(raw.status.ok());
  EXPECT_LT(raw.Answer().logprobs(0).given_candidates(0).logprob(), 0.0F);
  request.mutable_token_rules()->add_allowed(5);
  request.mutable_response()->set_distribution(v1::ResponseOptions::DISTRIBUTION_PROCESSED);
  const Stream processed = GenerateStream(served_.stub(), request);
  ASSERT_TRUE(processed.status.ok());
  const v1::Delta answer = processed.Answer();
  for (const v1::TokenLogProbs& token : answer.logprobs()) {
    EXPECT_EQ(token.logprob(), 0.0F);
    EXPECT_EQ(token.candidates_size(), 1);
    ASSERT_EQ(token.given_candidates_size(), 1);
    EXPECT_EQ(token.given_candidates(0).token_id(), 7U);
    EXPECT_EQ(token.given_candidates(0).logprob(), -std::numeric_limits<float>::infinity());
  }
  const v1::PromptInfo& prompt = processed.events.front().prompt();
  EXPECT_GT(prompt.logprobs_size(), 0);
  for (int i = 0; i < prompt.logprobs_size(); ++i) {
    EXPECT_EQ(prompt.logprobs(i).SerializeAsString(),
              raw.events.front().prompt().logprobs(i).SerializeAsString());
  }
}

TEST_F(ChoicesAndRulesTest, PenaltiesAndTokenRulesChangeTheText) {
  const std::string plain = GenerateStream(served_.stub(), Request(30)).Answer().text();
  const auto text_after = [this](const std::function<void(v1::GenerateRequest&)>& change) {
    v1::GenerateRequest request = Request(30);
    change(request);
    const Stream stream = GenerateStream(served_.stub(), request);
    EXPECT_TRUE(stream.status.ok()) << stream.status.error_message();
    return stream.Answer().text();
  };
  EXPECT_NE(text_after([](auto& r) { r.mutable_penalties()->set_repetition(1.5F); }), plain);
  EXPECT_NE(text_after([](auto& r) { r.mutable_penalties()->set_presence(2.0F); }), plain);
  EXPECT_NE(text_after([](auto& r) { r.mutable_penalties()->set_no_repeat_ngram_size(1); }), plain);
  EXPECT_NE(text_after([](auto& r) { r.mutable_penalties()->mutable_dry()->set_multiplier(5.0F); }),
            plain);
  const std::string word = plain.substr(0, 1);
  EXPECT_NE(text_after([&word](auto& r) { r.mutable_token_rules()->add_banned_words(word); })[0],
            word[0]);
}

TEST_F(ChoicesAndRulesTest, RulesThatLeaveNoTokenAreTold) {
  v1::GenerateRequest request = Request(30);
  request.mutable_token_rules()->add_allowed(5);
  request.mutable_token_rules()->add_banned(5);
  const Stream stream = GenerateStream(served_.stub(), request);
  EXPECT_EQ(stream.status.error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_THAT(stream.status.error_message(),
              HasSubstr("all 4096 tokens are excluded; token_rules.allowed excludes all but 1"));
}

TEST_F(ChoicesAndRulesTest, MoreChoicesThanTheCacheHoldsAreRefused) {
  v1::GenerateRequest request = Request(kEndless);
  request.mutable_sampling()->set_n(64);
  const Stream stream = GenerateStream(served_.stub(), request);
  EXPECT_THAT(BadFields(stream.status), ElementsAre("sampling.n"));
}

}  // namespace
}  // namespace cascade::server
