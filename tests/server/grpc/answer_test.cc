#include "server/grpc/answer.h"

#include <cstddef>
#include <new>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/source_path.h"
#include "tests/support/status_matchers.h"

namespace cascade::server {
namespace {

using ::testing::ElementsAre;

// Collects what an Answer gives out.
std::vector<v1::GenerateEvent> TakeEvents(Answer& answer) {
  std::vector<v1::GenerateEvent> events;
  v1::GenerateEvent event;
  while (answer.TakeEvent(event)) events.push_back(event);
  return events;
}

class AnswerTest : public ::testing::Test {
 protected:
  AnswerTest() : tokenizer_(*model::Tokenizer::Load(testing::BundledModelFolder())) {
    request_.generation.id = "id";
    request_.generation.prompt = {1, 2, 3};
    request_.generation.params.sampling.seed = 99;
    request_.truncated_tokens = 4;
    info_.fingerprint = "abc-f32-n1";
  }

  Answer MakeAnswer() const { return {request_, info_, tokenizer_}; }

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

  PreparedRequest request_;
  ModelInfo info_;
  model::Tokenizer tokenizer_;
};

TEST_F(AnswerTest, GivesPromptDeltasFinishAndSummaryInThisOrder) {
  Answer answer = MakeAnswer();
  EXPECT_TRUE(TakeEvents(answer).empty());
  EXPECT_FALSE(answer.started());
  answer.Start(/*cached_tokens=*/2);
  EXPECT_TRUE(answer.started());
  std::vector<v1::GenerateEvent> events = TakeEvents(answer);
  ASSERT_EQ(events.size(), 1U);
  EXPECT_EQ(events[0].prompt().request_id(), "id");
  EXPECT_EQ(events[0].prompt().prompt_tokens(), 3U);
  EXPECT_EQ(events[0].prompt().truncated_tokens(), 4U);
  EXPECT_EQ(events[0].prompt().cached_tokens(), 2U);

  answer.Add(Step(10, "a"));
  events = TakeEvents(answer);
  ASSERT_EQ(events.size(), 1U);
  EXPECT_EQ(events[0].delta().text(), "a");

  answer.Add(LastStep(4095));
  events = TakeEvents(answer);
  ASSERT_EQ(events.size(), 1U);
  EXPECT_EQ(events[0].finish().reason(), v1::FINISH_REASON_EOS);
  EXPECT_EQ(events[0].finish().matched_token_id(), 4095U);
  EXPECT_EQ(events[0].finish().generated_tokens(), 2U);
  EXPECT_EQ(events[0].finish().seed(), 99U);
  EXPECT_FALSE(answer.complete());

  answer.End({.queue = absl::Milliseconds(1500),
              .prefill = absl::Nanoseconds(7),
              .decode = absl::ZeroDuration()});
  events = TakeEvents(answer);
  ASSERT_EQ(events.size(), 1U);
  EXPECT_EQ(events[0].summary().usage().prompt_tokens(), 3U);
  EXPECT_EQ(events[0].summary().usage().generated_tokens(), 2U);
  EXPECT_EQ(events[0].summary().usage().cached_tokens(), 2U);
  EXPECT_EQ(events[0].summary().timings().queue().seconds(), 1);
  EXPECT_EQ(events[0].summary().timings().queue().nanos(), 500'000'000);
  EXPECT_EQ(events[0].summary().timings().prefill().nanos(), 7);
  EXPECT_EQ(events[0].summary().fingerprint(), "abc-f32-n1");
  EXPECT_TRUE(answer.complete());
}

TEST_F(AnswerTest, StepsThatWereNotTakenMergeIntoOneDelta) {
  request_.report_token_ids = true;
  Answer answer = MakeAnswer();
  answer.Add(Step(10, "a"));
  answer.Add(Step(11, ""));
  answer.Add(Step(12, "bc"));
  const std::vector<v1::GenerateEvent> events = TakeEvents(answer);
  ASSERT_EQ(events.size(), 2U);
  EXPECT_TRUE(events[0].has_prompt());
  EXPECT_EQ(events[1].delta().text(), "abc");
  EXPECT_THAT(events[1].delta().token_ids(), ElementsAre(10, 11, 12));
}

TEST_F(AnswerTest, AnAnswerThatEndsBeforeItStartsBeginsWithItsPromptToo) {
  Answer answer = MakeAnswer();
  model::DecodingStep step;
  step.finish = model::Finish{
      .reason = model::FinishReason::kTimeLimit, .matched_stop = "", .matched_token = {}};
  answer.Add(step);
  answer.End({});
  const std::vector<v1::GenerateEvent> events = TakeEvents(answer);
  ASSERT_EQ(events.size(), 3U);
  EXPECT_TRUE(events[0].has_prompt());
  EXPECT_EQ(events[1].finish().reason(), v1::FINISH_REASON_TIME_LIMIT);
  EXPECT_EQ(events[1].finish().generated_tokens(), 0U);
  EXPECT_TRUE(events[2].has_summary());
}

TEST_F(AnswerTest, TheBacklogIsWhatTheNextDeltaHolds) {
  Answer answer = MakeAnswer();
  answer.Start(0);
  TakeEvents(answer);
  answer.Add(Step(10, "ab"));
  answer.Add(Step(11, "c"));
  EXPECT_EQ(answer.backlog().tokens, 2U);
  EXPECT_EQ(answer.backlog().bytes, 3U);
  model::DecodingStep step = Step(12, "");
  step.token->log_probs = model::LogProbs{.chosen = -1.0F, .candidates = {{12, -1.0F}}};
  answer.Add(step);
  EXPECT_EQ(answer.backlog().tokens, 3U);
  EXPECT_GT(answer.backlog().bytes, 10U);
  TakeEvents(answer);
  EXPECT_EQ(answer.backlog().tokens, 0U);
  EXPECT_EQ(answer.backlog().bytes, 0U);
}

TEST_F(AnswerTest, ADeltaWithNothingToReportIsNotSent) {
  Answer answer = MakeAnswer();
  answer.Start(0);
  TakeEvents(answer);
  answer.Add(Step(10, ""));
  EXPECT_TRUE(TakeEvents(answer).empty());
}

TEST_F(AnswerTest, AnEventGivenTwiceDoesNotKeepWhatItHeld) {
  Answer answer = MakeAnswer();
  answer.Start(0);
  v1::GenerateEvent event;
  ASSERT_TRUE(answer.TakeEvent(event));
  answer.Add(Step(10, "first"));
  ASSERT_TRUE(answer.TakeEvent(event));
  answer.Add(Step(11, "second"));
  ASSERT_TRUE(answer.TakeEvent(event));
  EXPECT_EQ(event.delta().text(), "second");
}

TEST_F(AnswerTest, ReportsLogProbabilitiesWithTheBytesOfTheCandidates) {
  Answer answer = MakeAnswer();
  model::DecodingStep step = Step(533, " time");
  step.token->log_probs =
      model::LogProbs{.chosen = -0.5F, .candidates = {{533, -0.5F}, {258, -2.0F}}};
  answer.Add(step);
  const std::vector<v1::GenerateEvent> events = TakeEvents(answer);
  ASSERT_EQ(events.size(), 2U);
  ASSERT_EQ(events[1].delta().logprobs_size(), 1);
  const v1::TokenLogProbs& log_probs = events[1].delta().logprobs(0);
  EXPECT_EQ(log_probs.token_id(), 533U);
  EXPECT_EQ(log_probs.logprob(), -0.5F);
  ASSERT_EQ(log_probs.candidates_size(), 2);
  EXPECT_EQ(log_probs.candidates(0).token(), " time");
  EXPECT_EQ(log_probs.candidates(1).token_id(), 258U);
  EXPECT_EQ(log_probs.candidates(1).logprob(), -2.0F);
  EXPECT_TRUE(events[1].delta().token_ids().empty());
}

TEST_F(AnswerTest, ACandidateThatTheTokenizerDoesNotKnowHasNoBytes) {
  Answer answer = MakeAnswer();
  model::DecodingStep step = Step(1, "x");
  step.token->log_probs = model::LogProbs{.chosen = -1.0F, .candidates = {{1'000'000, -1.0F}}};
  answer.Add(step);
  const v1::GenerateEvent event = TakeEvents(answer).back();
  EXPECT_EQ(event.delta().logprobs(0).candidates(0).token(), "");
}

TEST_F(AnswerTest, OneResponseHoldsWhatTheStreamWouldHaveSent) {
  request_.report_token_ids = true;
  Answer streamed = MakeAnswer();
  Answer gathered = MakeAnswer();
  const Timings timings = {.queue = absl::Seconds(1), .prefill = {}, .decode = {}};
  v1::Delta whole;
  std::vector<v1::GenerateEvent> events;
  const auto take = [&events, &streamed] {
    for (v1::GenerateEvent& event : TakeEvents(streamed)) events.push_back(std::move(event));
  };
  for (model::TokenId id = 20; id < 30; ++id) {
    model::DecodingStep step = Step(id, std::string(tokenizer_.Bytes(id)));
    step.token->log_probs = model::LogProbs{.chosen = -1.0F, .candidates = {{id, -1.0F}}};
    if (id == 29) {
      step.finish = model::Finish{
          .reason = model::FinishReason::kMaxTokens, .matched_stop = "", .matched_token = {}};
    }
    streamed.Add(step);
    gathered.Add(step);
    if (id % 3 == 0) take();
  }
  streamed.End(timings);
  gathered.End(timings);
  take();
  v1::GenerateResponse response;
  gathered.TakeAll(response);

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
}

}  // namespace
}  // namespace cascade::server
