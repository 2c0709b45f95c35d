// SPDX-License-Identifier: Apache-2.0

#include "server/grpc/v1/response.h"

#include <cstddef>
#include <cstdint>
#include <new>
#include <optional>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "model/tokenizer/tokenizer.h"
#include "server/grpc/model_info.h"
#include "tests/support/source_path.h"
#include "tests/support/status_matchers.h"

namespace cascade::server {
namespace {

using ::testing::ElementsAre;

// An answer and the encoder of its call.
struct Encoded {
  // What there is to send now.
  std::vector<v1::GenerateEvent> TakeEvents() {
    std::vector<v1::GenerateEvent> events;
    v1::GenerateEvent event;
    while (encoder.Encode(answer, event)) events.push_back(event);
    return events;
  }

  Answer answer;
  V1Encoder encoder;
};

class ResponseTest : public ::testing::Test {
 protected:
  ResponseTest() : tokenizer_(*model::Tokenizer::Load(testing::BundledModelFolder())) {
    request_.id = "id";
    request_.prompt = {1, 2, 3};
    request_.params.sampling.seed = 99;
    info_.fingerprint = "abc-f32-n1";
  }

  Encoded Make() const {
    return {.answer = Answer(request_, /*truncated_tokens=*/4, keep_tokens_),
            .encoder = V1Encoder(tokenizer_, info_, report_)};
  }

  static model::DecodingStep Step(model::TokenId id, std::string text) {
    return {.token = model::GeneratedToken{.id = id, .log_probs = std::nullopt},
            .text = std::move(text),
            .finish = {}};
  }

  static model::DecodingStep LastStep(model::TokenId id) {
    model::DecodingStep step = Step(id, "");
    step.finish =
        model::Finish{.reason = model::FinishReason::kEos, .matched_stop = "", .matched_token = id};
    return step;
  }

  GenerationRequest request_;
  Report report_;
  bool keep_tokens_ = false;  // as the service does if ids or log-probabilities are asked for
  ModelInfo info_;
  model::Tokenizer tokenizer_;
};

TEST_F(ResponseTest, GivesPromptDeltasFinishAndSummaryInThisOrder) {
  Encoded encoded = Make();
  Answer& answer = encoded.answer;
  EXPECT_TRUE(encoded.TakeEvents().empty());
  EXPECT_FALSE(answer.started());
  answer.Start(/*cached_tokens=*/2);
  EXPECT_TRUE(answer.started());
  std::vector<v1::GenerateEvent> events = encoded.TakeEvents();
  ASSERT_EQ(events.size(), 1U);
  EXPECT_EQ(events[0].prompt().request_id(), "id");
  EXPECT_EQ(events[0].prompt().prompt_tokens(), 3U);
  EXPECT_EQ(events[0].prompt().truncated_tokens(), 4U);
  EXPECT_EQ(events[0].prompt().cached_tokens(), 2U);

  answer.Add(0, Step(10, "a"));
  events = encoded.TakeEvents();
  ASSERT_EQ(events.size(), 1U);
  EXPECT_EQ(events[0].delta().text(), "a");

  answer.Add(0, LastStep(4095));
  events = encoded.TakeEvents();
  ASSERT_EQ(events.size(), 1U);
  EXPECT_EQ(events[0].finish().reason(), v1::FINISH_REASON_EOS);
  EXPECT_EQ(events[0].finish().matched_token_id(), 4095U);
  EXPECT_EQ(events[0].finish().generated_tokens(), 2U);
  EXPECT_EQ(events[0].finish().seed(), 99U);
  EXPECT_FALSE(encoded.encoder.complete());

  answer.Finish({.timings = {.queue = absl::Milliseconds(1500),
                             .prefill = absl::Nanoseconds(7),
                             .decode = absl::ZeroDuration()}});
  events = encoded.TakeEvents();
  ASSERT_EQ(events.size(), 1U);
  EXPECT_EQ(events[0].summary().usage().prompt_tokens(), 3U);
  EXPECT_EQ(events[0].summary().usage().generated_tokens(), 2U);
  EXPECT_EQ(events[0].summary().usage().cached_tokens(), 2U);
  EXPECT_EQ(events[0].summary().timings().queue().seconds(), 1);
  EXPECT_EQ(events[0].summary().timings().queue().nanos(), 500'000'000);
  EXPECT_EQ(events[0].summary().timings().prefill().nanos(), 7);
  EXPECT_EQ(events[0].summary().fingerprint(), "abc-f32-n1");
  EXPECT_TRUE(encoded.encoder.complete());
}

TEST_F(ResponseTest, StepsThatWereNotTakenMergeIntoOneDelta) {
  report_.token_ids = keep_tokens_ = true;
  Encoded encoded = Make();
  Answer& answer = encoded.answer;
  answer.Add(0, Step(10, "a"));
  answer.Add(0, Step(11, ""));
  answer.Add(0, Step(12, "bc"));
  const std::vector<v1::GenerateEvent> events = encoded.TakeEvents();
  ASSERT_EQ(events.size(), 2U);
  EXPECT_TRUE(events[0].has_prompt());
  EXPECT_EQ(events[1].delta().text(), "abc");
  EXPECT_THAT(events[1].delta().token_ids(), ElementsAre(10, 11, 12));
}

TEST_F(ResponseTest, AnAnswerThatEndsBeforeItStartsBeginsWithItsPromptToo) {
  Encoded encoded = Make();
  Answer& answer = encoded.answer;
  model::DecodingStep step;
  step.finish = model::Finish{
      .reason = model::FinishReason::kTimeLimit, .matched_stop = "", .matched_token = {}};
  answer.Add(0, step);
  answer.Finish({});
  const std::vector<v1::GenerateEvent> events = encoded.TakeEvents();
  ASSERT_EQ(events.size(), 3U);
  EXPECT_TRUE(events[0].has_prompt());
  EXPECT_EQ(events[1].finish().reason(), v1::FINISH_REASON_TIME_LIMIT);
  EXPECT_EQ(events[1].finish().generated_tokens(), 0U);
  EXPECT_TRUE(events[2].has_summary());
}

TEST_F(ResponseTest, ADeltaWithNothingToReportIsNotSent) {
  Encoded encoded = Make();
  Answer& answer = encoded.answer;
  answer.Start(0);
  encoded.TakeEvents();
  answer.Add(0, Step(10, ""));
  EXPECT_TRUE(encoded.TakeEvents().empty());
}

TEST_F(ResponseTest, AnEventGivenTwiceDoesNotKeepWhatItHeld) {
  Encoded encoded = Make();
  Answer& answer = encoded.answer;
  answer.Start(0);
  v1::GenerateEvent event;
  ASSERT_TRUE(encoded.encoder.Encode(answer, event));
  answer.Add(0, Step(10, "first"));
  ASSERT_TRUE(encoded.encoder.Encode(answer, event));
  answer.Add(0, Step(11, "second"));
  ASSERT_TRUE(encoded.encoder.Encode(answer, event));
  EXPECT_EQ(event.delta().text(), "second");
}

TEST_F(ResponseTest, ReportsLogProbabilitiesWithTheBytesOfTheCandidates) {
  keep_tokens_ = true;
  Encoded encoded = Make();
  Answer& answer = encoded.answer;
  model::DecodingStep step = Step(533, " time");
  step.token->log_probs = model::LogProbs{.chosen = -0.5F,
                                          .candidates = {{533, -0.5F}, {258, -2.0F}},
                                          .given = {{258, -2.0F}, {7, -9.0F}}};
  answer.Add(0, step);
  const std::vector<v1::GenerateEvent> events = encoded.TakeEvents();
  ASSERT_EQ(events.size(), 2U);
  ASSERT_EQ(events[1].delta().logprobs_size(), 1);
  const v1::TokenLogProbs& log_probs = events[1].delta().logprobs(0);
  EXPECT_EQ(log_probs.token_id(), 533U);
  EXPECT_EQ(log_probs.logprob(), -0.5F);
  ASSERT_EQ(log_probs.candidates_size(), 2);
  EXPECT_EQ(log_probs.candidates(0).token(), " time");
  EXPECT_EQ(log_probs.candidates(1).token_id(), 258U);
  EXPECT_EQ(log_probs.candidates(1).logprob(), -2.0F);
  ASSERT_EQ(log_probs.given_candidates_size(), 2);
  EXPECT_EQ(log_probs.given_candidates(0).SerializeAsString(),
            log_probs.candidates(1).SerializeAsString());
  EXPECT_EQ(log_probs.given_candidates(1).token_id(), 7U);
  EXPECT_EQ(log_probs.given_candidates(1).logprob(), -9.0F);
  EXPECT_TRUE(events[1].delta().token_ids().empty());
}

TEST_F(ResponseTest, ThePromptWaitsForItsLogProbabilities) {
  request_.prompt = {7, 8, 9};
  request_.params.output.prompt_logprobs_from = 0;
  Encoded encoded = Make();
  Answer& answer = encoded.answer;
  answer.Start(0);
  v1::GenerateEvent event;
  EXPECT_FALSE(encoded.encoder.Encode(answer, event));
  answer.AddPrompt(
      {{.id = 7, .log_probs = {}},
       {.id = 8, .log_probs = model::LogProbs{.chosen = -0.5F, .rank = 3, .candidates = {}}}});
  EXPECT_FALSE(encoded.encoder.Encode(answer, event));
  answer.AddPrompt(
      {{.id = 9, .log_probs = model::LogProbs{.chosen = 0.0F, .rank = 1, .candidates = {}}}});
  ASSERT_TRUE(encoded.encoder.Encode(answer, event));
  const v1::PromptInfo& prompt = event.prompt();
  ASSERT_EQ(prompt.logprobs_size(), 3);
  EXPECT_EQ(prompt.logprobs(0).token_id(), 7U);
  EXPECT_FALSE(prompt.logprobs(0).has_logprob());
  EXPECT_EQ(prompt.logprobs(1).logprob(), -0.5F);
  EXPECT_EQ(prompt.logprobs(1).rank(), 3U);
  EXPECT_TRUE(prompt.logprobs(2).has_logprob());
}

TEST_F(ResponseTest, ThePromptHasWhatThereIsWhereTheTimeEnded) {
  request_.prompt = {7, 8, 9};
  request_.params.output.prompt_logprobs_from = 1;
  Encoded encoded = Make();
  encoded.answer.Start(0);
  model::DecodingStep step{.token = {}, .text = "", .finish = model::Finish()};
  encoded.answer.Add(0, std::move(step));
  v1::GenerateEvent event;
  ASSERT_TRUE(encoded.encoder.Encode(encoded.answer, event));
  EXPECT_EQ(event.prompt().logprobs_size(), 0);
}

TEST_F(ResponseTest, ACandidateThatTheTokenizerDoesNotKnowHasNoBytes) {
  keep_tokens_ = true;
  Encoded encoded = Make();
  Answer& answer = encoded.answer;
  model::DecodingStep step = Step(1, "x");
  step.token->log_probs = model::LogProbs{.chosen = -1.0F, .candidates = {{1'000'000, -1.0F}}};
  answer.Add(0, step);
  const v1::GenerateEvent event = encoded.TakeEvents().back();
  EXPECT_EQ(event.delta().logprobs(0).candidates(0).token(), "");
}

TEST_F(ResponseTest, ReportsTheBytesOfATokenOnlyIfAskedFor) {
  keep_tokens_ = true;
  request_.prompt = {258, 533};
  request_.params.output.prompt_logprobs_from = 0;
  for (const bool asked : {false, true}) {
    report_.bytes = asked;
    Encoded encoded = Make();
    Answer& answer = encoded.answer;
    answer.Start(0);
    const model::LogProbs log_probs = {.chosen = -0.5F, .candidates = {{258, -2.0F}}};
    answer.AddPrompt({{.id = 258, .log_probs = {}}, {.id = 533, .log_probs = log_probs}});
    for (const model::TokenId id : {533U, 1'000'000U}) {
      model::DecodingStep step = Step(id, " time");
      step.token->log_probs = log_probs;
      answer.Add(0, step);
    }
    const std::vector<v1::GenerateEvent> events = encoded.TakeEvents();
    ASSERT_EQ(events.size(), 2U);
    const v1::PromptInfo& prompt = events[0].prompt();
    EXPECT_EQ(prompt.logprobs(0).token(), asked ? tokenizer_.Bytes(258) : "");
    EXPECT_FALSE(prompt.logprobs(0).has_logprob());
    EXPECT_EQ(prompt.logprobs(1).token(), asked ? " time" : "");
    const v1::Delta& delta = events[1].delta();
    EXPECT_EQ(delta.logprobs(0).token(), asked ? " time" : "");
    EXPECT_EQ(delta.logprobs(0).candidates(0).token(), tokenizer_.Bytes(258));
    EXPECT_EQ(delta.logprobs(1).token(), "");  // the tokenizer does not know it
  }
}

TEST_F(ResponseTest, ChoicesAreNumberedAndEachHasItsFinish) {
  request_.choices = 2;
  Encoded streamed = Make();
  Encoded gathered = Make();
  for (Encoded* encoded : {&streamed, &gathered}) {
    Answer& answer = encoded->answer;
    answer.Start(0);
    answer.Add(1, Step(10, "b"));
    answer.Add(0, Step(11, "a"));
    answer.Add(1, LastStep(4095));
    answer.Add(0, LastStep(4095));
    answer.Finish({});
  }
  const std::vector<v1::GenerateEvent> events = streamed.TakeEvents();
  ASSERT_EQ(events.size(), 6U);
  for (std::uint32_t choice = 0; choice < 2; ++choice) {
    EXPECT_EQ(events[1 + 2 * choice].delta().index(), choice);
    EXPECT_EQ(events[2 + 2 * choice].finish().index(), choice);
    EXPECT_EQ(events[2 + 2 * choice].finish().generated_tokens(), 2U);
  }
  EXPECT_EQ(events[1].delta().text(), "a");
  EXPECT_EQ(events[3].delta().text(), "b");
  EXPECT_EQ(events[5].summary().usage().generated_tokens(), 4U);

  v1::GenerateResponse response;
  gathered.encoder.Append(gathered.answer, response);
  ASSERT_EQ(response.choices_size(), 2);
  EXPECT_EQ(response.choices(1).text(), "b");
  EXPECT_EQ(response.choices(1).finish().index(), 1U);
}

TEST_F(ResponseTest, OneResponseHoldsWhatTheStreamWouldHaveSent) {
  report_.token_ids = keep_tokens_ = true;
  Encoded streamed = Make();
  Encoded gathered = Make();
  const RunStats stats = {.timings = {.queue = absl::Seconds(1), .prefill = {}, .decode = {}},
                          .drafted_tokens = 7,
                          .accepted_tokens = 5};
  v1::Delta whole;
  std::vector<v1::GenerateEvent> events;
  const auto take = [&events, &streamed] {
    for (v1::GenerateEvent& event : streamed.TakeEvents()) events.push_back(std::move(event));
  };
  for (model::TokenId id = 20; id < 30; ++id) {
    model::DecodingStep step = Step(id, std::string(tokenizer_.Bytes(id)));
    step.token->log_probs = model::LogProbs{.chosen = -1.0F, .candidates = {{id, -1.0F}}};
    if (id == 29) {
      step.finish = model::Finish{
          .reason = model::FinishReason::kMaxTokens, .matched_stop = "", .matched_token = {}};
    }
    streamed.answer.Add(0, step);
    gathered.answer.Add(0, step);
    if (id % 3 == 0) take();
  }
  streamed.answer.Finish(stats);
  gathered.answer.Finish(stats);
  take();
  v1::GenerateResponse response;
  gathered.encoder.Append(gathered.answer, response);

  for (const v1::GenerateEvent& event : events) whole.MergeFrom(event.delta());
  std::string text;
  for (const v1::GenerateEvent& event : events) text += event.delta().text();
  ASSERT_EQ(response.choices_size(), 1);
  EXPECT_EQ(response.choices(0).text(), text);
  ASSERT_EQ(response.choices(0).token_ids_size(), 10);
  ASSERT_EQ(whole.token_ids_size(), 10);
  for (int i = 0; i < 10; ++i) {
    EXPECT_EQ(response.choices(0).token_ids(i), whole.token_ids(i));
    EXPECT_EQ(response.choices(0).logprobs(i).SerializeAsString(),
              whole.logprobs(i).SerializeAsString());
  }
  EXPECT_EQ(response.prompt().SerializeAsString(), events.front().prompt().SerializeAsString());
  EXPECT_EQ(response.choices(0).finish().SerializeAsString(),
            events[events.size() - 2].finish().SerializeAsString());
  EXPECT_EQ(response.summary().SerializeAsString(), events.back().summary().SerializeAsString());
  EXPECT_EQ(response.summary().usage().drafted_tokens(), 7U);
  EXPECT_EQ(response.summary().usage().accepted_tokens(), 5U);
}

TEST_F(ResponseTest, ADeltaWaitsForItsTokensUnlessTheAnswerEnds) {
  report_.token_ids = keep_tokens_ = true;
  report_.interval = 2;
  Encoded encoded = Make();
  encoded.answer.Start(/*cached_tokens=*/0);
  encoded.answer.Add(0, Step(10, "a"));
  EXPECT_EQ(encoded.TakeEvents().size(), 1U);  // the prompt alone
  encoded.answer.Add(0, Step(11, "b"));
  const std::vector<v1::GenerateEvent> both = encoded.TakeEvents();
  ASSERT_EQ(both.size(), 1U);
  EXPECT_EQ(both[0].delta().text(), "ab");
  encoded.answer.Add(0, LastStep(12));
  encoded.answer.Finish({});
  const std::vector<v1::GenerateEvent> last = encoded.TakeEvents();
  ASSERT_EQ(last.size(), 3U);
  EXPECT_EQ(last[0].delta().token_ids_size(), 1);
  EXPECT_TRUE(last[1].has_finish());
  EXPECT_TRUE(last[2].has_summary());
}

}  // namespace
}  // namespace cascade::server
