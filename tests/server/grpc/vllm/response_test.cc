// SPDX-License-Identifier: Apache-2.0

#include "server/grpc/vllm/response.h"

#include <cstddef>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "server/grpc/model_info.h"

namespace cascade::server {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;

model::GeneratedToken Token(model::TokenId id, std::optional<float> log_prob = std::nullopt) {
  model::GeneratedToken token = {.id = id, .log_probs = std::nullopt};
  if (!log_prob) return token;
  model::LogProbs log_probs;
  log_probs.chosen = *log_prob;
  log_probs.candidates = {{.token = 9, .log_prob = -0.5F}, {.token = id, .log_prob = *log_prob}};
  token.log_probs = std::move(log_probs);
  return token;
}

model::DecodingStep Step(model::GeneratedToken token) {
  return {.token = std::move(token), .text = "x", .finish = {}};
}

model::DecodingStep LastStep(model::GeneratedToken token, model::FinishReason reason,
                             std::string stop = "") {
  model::DecodingStep step = Step(std::move(token));
  step.finish = model::Finish{
      .reason = reason, .matched_stop = std::move(stop), .matched_token = step.token->id};
  return step;
}

class VllmResponseTest : public ::testing::Test {
 protected:
  VllmResponseTest() { request_.prompt = {1, 2, 3}; }

  Answer Make() const {
    Answer answer(request_, /*truncated_tokens=*/0, /*keep_tokens=*/true);
    if (!report_.stream) answer.ShowBest(request_.choices, Answer::Order::kNumber);
    return answer;
  }

  std::vector<engine_pb::GenerateResponse> Take(Answer& answer) {
    std::vector<engine_pb::GenerateResponse> events;
    engine_pb::GenerateResponse event;
    while (encoder().Encode(answer, event)) events.push_back(event);
    return events;
  }

  VllmEncoder& encoder() {
    if (!encoder_) encoder_.emplace(info_, report_);
    return *encoder_;
  }

  GenerationRequest request_;
  VllmEncoder::Report report_;
  ModelInfo info_;
  std::optional<VllmEncoder> encoder_;
};

TEST_F(VllmResponseTest, AStreamIsChunksAndOneCompleteWithAllIds) {
  report_.stream = true;
  Answer answer = Make();
  answer.Start(/*cached_tokens=*/2);
  EXPECT_THAT(Take(answer), IsEmpty());
  answer.Add(0, Step(Token(5)));
  answer.Add(0, Step(Token(6)));
  auto events = Take(answer);
  ASSERT_THAT(events, SizeIs(1));  // what gathered is one chunk
  EXPECT_THAT(events[0].chunk().token_ids(), ElementsAre(5U, 6U));
  EXPECT_EQ(events[0].chunk().prompt_tokens(), 3U);
  EXPECT_EQ(events[0].chunk().completion_tokens(), 2U);
  EXPECT_EQ(events[0].chunk().cached_tokens(), 2U);
  EXPECT_FALSE(events[0].chunk().has_output_logprobs());
  answer.Add(0, LastStep(Token(7), model::FinishReason::kMaxTokens));
  events = Take(answer);
  ASSERT_THAT(events, SizeIs(1));
  EXPECT_THAT(events[0].chunk().token_ids(), ElementsAre(7U));
  EXPECT_FALSE(encoder().complete());
  answer.Finish({.timings = {}, .drafted_tokens = 4, .accepted_tokens = 3});
  events = Take(answer);
  ASSERT_THAT(events, SizeIs(1));
  const engine_pb::GenerateComplete& complete = events[0].complete();
  EXPECT_THAT(complete.output_ids(), ElementsAre(5U, 6U, 7U));
  EXPECT_EQ(complete.finish_reason(), "length");
  EXPECT_EQ(complete.completion_tokens(), 3U);
  EXPECT_EQ(complete.spec_draft_tokens(), 4U);
  EXPECT_EQ(complete.spec_accepted_tokens(), 3U);
  EXPECT_EQ(complete.matched_stop_case(), engine_pb::GenerateComplete::MATCHED_STOP_NOT_SET);
  EXPECT_TRUE(encoder().complete());
}

TEST_F(VllmResponseTest, WithoutAStreamThereIsOneCompleteForEachChoice) {
  request_.choices = 2;
  Answer answer = Make();
  answer.Start(0);
  answer.Add(1, LastStep(Token(8), model::FinishReason::kStopToken));
  answer.Add(0, LastStep(Token(7), model::FinishReason::kStopString, "end"));
  EXPECT_THAT(Take(answer), IsEmpty());
  EXPECT_EQ(answer.backlog().tokens, 0U);  // so that it never counts as one that nobody reads
  answer.Finish({});
  const auto events = Take(answer);
  ASSERT_THAT(events, SizeIs(2));
  EXPECT_EQ(events[0].complete().index(), 0U);
  EXPECT_THAT(events[0].complete().output_ids(), ElementsAre(7U));
  EXPECT_EQ(events[0].complete().finish_reason(), "stop");
  EXPECT_EQ(events[0].complete().matched_stop_str(), "end");
  EXPECT_EQ(events[1].complete().index(), 1U);
  EXPECT_THAT(events[1].complete().output_ids(), ElementsAre(8U));
  EXPECT_EQ(events[1].complete().matched_token_id(), 8U);
  EXPECT_TRUE(encoder().complete());
}

TEST_F(VllmResponseTest, EachReasonHasItsName) {
  using Reason = model::FinishReason;
  const std::vector<std::pair<Reason, std::string>> reasons = {
      {Reason::kEos, "stop"},         {Reason::kStopToken, "stop"},
      {Reason::kStopString, "stop"},  {Reason::kConstraintComplete, "stop"},
      {Reason::kMaxTokens, "length"}, {Reason::kContextFull, "length"},
      {Reason::kTimeLimit, "length"}};
  for (const auto& [reason, name] : reasons) {
    encoder_.reset();
    Answer answer = Make();
    answer.Add(0, LastStep(Token(7), reason));
    answer.Finish({});
    const auto events = Take(answer);
    ASSERT_THAT(events, SizeIs(1));
    EXPECT_EQ(events[0].complete().finish_reason(), name);
    EXPECT_EQ(events[0].complete().has_matched_token_id(), reason == Reason::kStopToken);
    EXPECT_EQ(events[0].complete().has_matched_stop_str(), reason == Reason::kStopString);
  }
}

TEST_F(VllmResponseTest, AFailureIsTheCallsAndAnAbortIsAReason) {
  for (const bool streams : {false, true}) {
    report_.stream = streams;
    encoder_.reset();
    Answer failed = Make();
    failed.Add(0, Step(Token(5)));
    failed.Fail(absl::DeadlineExceededError("late"));
    EXPECT_THAT(Take(failed), SizeIs(streams ? 1 : 0));  // what there is of a stream
    EXPECT_FALSE(encoder().complete());

    encoder_.reset();
    Answer aborted = Make();
    aborted.Add(0, Step(Token(5)));
    aborted.Fail(absl::CancelledError("by Abort"));
    const auto events = Take(aborted);
    ASSERT_THAT(events, SizeIs(streams ? 2 : 1));
    EXPECT_EQ(events.back().complete().finish_reason(), "abort");
    EXPECT_THAT(events.back().complete().output_ids(), ElementsAre(5U));
    EXPECT_TRUE(encoder().complete());
  }
}

TEST_F(VllmResponseTest, LogProbabilitiesAreToldOnceAndNoMoreCandidatesThanAskedFor) {
  report_ = {.stream = true, .log_probs = {.output = 1, .prompt = 0}};
  request_.params.output.prompt_logprobs_from = 0;
  Answer answer = Make();
  answer.Start(0);
  answer.AddPrompt({Token(1), Token(2, -1.0F)});
  answer.Add(0, Step(Token(5, -2.0F)));
  EXPECT_THAT(Take(answer), IsEmpty());  // not before the prompt's are there
  answer.AddPrompt({Token(3, -3.0F)});
  auto events = Take(answer);
  ASSERT_THAT(events, SizeIs(1));
  const engine_pb::InputLogProbs& input = events[0].chunk().input_logprobs();
  EXPECT_THAT(input.token_ids(), ElementsAre(1U, 2U, 3U));
  ASSERT_EQ(input.token_logprobs_size(), 3);
  EXPECT_FALSE(input.token_logprobs(0).has_value());
  EXPECT_EQ(input.token_logprobs(2).value(), -3.0F);
  ASSERT_EQ(input.top_logprobs_size(), 3);
  EXPECT_EQ(input.top_logprobs(2).token_ids_size(), 0);
  const engine_pb::OutputLogProbs& output = events[0].chunk().output_logprobs();
  EXPECT_THAT(output.token_ids(), ElementsAre(5U));
  EXPECT_THAT(output.token_logprobs(), ElementsAre(-2.0F));
  ASSERT_EQ(output.top_logprobs_size(), 1);
  EXPECT_THAT(output.top_logprobs(0).token_ids(), ElementsAre(9U));
  EXPECT_THAT(output.top_logprobs(0).values(), ElementsAre(-0.5F));
  answer.Add(0, LastStep(Token(6, -4.0F), model::FinishReason::kEos));
  answer.Finish({});
  events = Take(answer);
  ASSERT_THAT(events, SizeIs(2));
  EXPECT_FALSE(events[0].chunk().has_input_logprobs());
  EXPECT_FALSE(events[1].complete().has_input_logprobs());
  EXPECT_FALSE(events[1].complete().has_output_logprobs());
}

TEST_F(VllmResponseTest, WithoutAStreamTheCompleteHasTheLogProbabilities) {
  report_ = {.stream = false, .log_probs = {.output = 0, .prompt = 2}};
  request_.params.output.prompt_logprobs_from = 0;
  Answer answer = Make();
  answer.AddPrompt({Token(1), Token(2, -1.0F), Token(3, -3.0F)});
  answer.Add(0, LastStep(Token(6, -4.0F), model::FinishReason::kEos));
  answer.Finish({});
  const auto events = Take(answer);
  ASSERT_THAT(events, SizeIs(1));
  EXPECT_THAT(events[0].complete().output_logprobs().token_logprobs(), ElementsAre(-4.0F));
  EXPECT_EQ(events[0].complete().output_logprobs().top_logprobs(0).values_size(), 0);
  EXPECT_EQ(events[0].complete().input_logprobs().top_logprobs(1).values_size(), 2);
}

TEST_F(VllmResponseTest, CachedTokensAreHiddenWhereTheOperatorSaysSo) {
  info_.report_cached_tokens = false;
  Answer answer = Make();
  answer.Start(16);
  answer.Add(0, LastStep(Token(6), model::FinishReason::kEos));
  answer.Finish({});
  EXPECT_EQ(Take(answer).at(0).complete().cached_tokens(), 0U);
}

}  // namespace
}  // namespace cascade::server
