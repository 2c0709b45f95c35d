// SPDX-License-Identifier: Apache-2.0

#include "server/grpc/call/answer.h"

#include <optional>
#include <string>
#include <utility>

#include "gtest/gtest.h"

namespace cascade::server {
namespace {

model::DecodingStep Step(model::TokenId id, std::string text) {
  return {.token = model::GeneratedToken{.id = id, .log_probs = std::nullopt},
          .text = std::move(text),
          .finish = {}};
}

Answer MakeAnswer(bool keep_tokens) {
  GenerationRequest request;
  request.id = "id";
  request.prompt = {1, 2, 3};
  request.params.sampling.seed = 99;
  return {request, /*truncated_tokens=*/4, keep_tokens};
}

TEST(AnswerTest, HasTheFactsOfItsRequest) {
  const Answer answer = MakeAnswer(/*keep_tokens=*/false);
  EXPECT_EQ(answer.request_id(), "id");
  EXPECT_EQ(answer.prompt_tokens(), 3U);
  EXPECT_EQ(answer.truncated_tokens(), 4U);
  EXPECT_EQ(answer.seed(0), 99U);
  EXPECT_EQ(answer.choices(), 1U);
  EXPECT_FALSE(answer.started());
  EXPECT_FALSE(answer.outcome().has_value());
}

TEST(AnswerTest, EachChoiceHasItsSeed) {
  GenerationRequest request;
  request.choices = 3;
  request.params.sampling.seed = 99;
  request.choice_sampling = {{.seed = 5}};
  const Answer answer(request, /*truncated_tokens=*/0, /*keep_tokens=*/false);
  EXPECT_EQ(answer.seed(0), 5U);
  EXPECT_EQ(answer.seed(1), 100U);
  EXPECT_EQ(answer.seed(2), 101U);
}

TEST(AnswerTest, StepsThatWereNotTakenMerge) {
  Answer answer = MakeAnswer(/*keep_tokens=*/true);
  answer.Add(0, Step(10, "a"));
  answer.Add(0, Step(11, ""));
  answer.Add(0, Step(12, "bc"));
  Answer::Delta delta;
  answer.TakeDelta(0, delta);
  EXPECT_EQ(delta.text, "abc");
  ASSERT_EQ(delta.tokens.size(), 3U);
  EXPECT_EQ(delta.tokens[2].id, 12U);
  EXPECT_FALSE(answer.HasDelta(0));
  EXPECT_EQ(answer.generated_tokens(), 3U);
}

TEST(AnswerTest, KeepsTokensOnlyIfAskedTo) {
  Answer answer = MakeAnswer(/*keep_tokens=*/false);
  answer.Add(0, Step(10, ""));
  EXPECT_FALSE(answer.HasDelta(0));
  EXPECT_EQ(answer.generated_tokens(0), 1U);
}

TEST(AnswerTest, ADeltaDoesNotKeepWhatItHeld) {
  Answer answer = MakeAnswer(/*keep_tokens=*/true);
  Answer::Delta delta;
  for (const char* text : {"first", "second", "third"}) {
    answer.Add(0, Step(10, text));
    answer.TakeDelta(0, delta);
    EXPECT_EQ(delta.text, text);
    EXPECT_EQ(delta.tokens.size(), 1U);
  }
}

TEST(AnswerTest, TheBacklogIsWhatTheNextDeltaHolds) {
  Answer answer = MakeAnswer(/*keep_tokens=*/true);
  answer.Start(0);
  answer.Add(0, Step(10, "ab"));
  answer.Add(0, Step(11, "c"));
  EXPECT_EQ(answer.backlog().tokens, 2U);
  EXPECT_EQ(answer.backlog().bytes, 3U);
  model::DecodingStep step = Step(12, "");
  step.token->log_probs = model::LogProbs{.chosen = -1.0F, .candidates = {{12, -1.0F}}};
  answer.Add(0, step);
  EXPECT_EQ(answer.backlog().tokens, 3U);
  EXPECT_GT(answer.backlog().bytes, 10U);
  Answer::Delta delta;
  answer.TakeDelta(0, delta);
  EXPECT_EQ(answer.backlog().tokens, 0U);
  EXPECT_EQ(answer.backlog().bytes, 0U);
}

TEST(AnswerTest, KeepsChoicesApartAndCountsTheirBacklogTogether) {
  GenerationRequest request;
  request.choices = 2;
  Answer answer(request, /*truncated_tokens=*/0, /*keep_tokens=*/false);
  EXPECT_EQ(answer.choices(), 2U);
  answer.Add(1, Step(10, "b"));
  answer.Add(0, Step(11, "a"));
  answer.Add(1, Step(12, "bb"));
  EXPECT_EQ(answer.backlog().tokens, 3U);
  EXPECT_EQ(answer.backlog().bytes, 4U);
  Answer::Delta delta;
  answer.TakeDelta(1, delta);
  EXPECT_EQ(delta.text, "bbb");
  EXPECT_FALSE(answer.HasDelta(1));
  EXPECT_TRUE(answer.HasDelta(0));
  EXPECT_EQ(answer.backlog().tokens, 1U);
  EXPECT_EQ(answer.generated_tokens(1), 2U);
  EXPECT_EQ(answer.generated_tokens(), 3U);
}

// Three choices of 1, 2 and 0 tokens.
Answer MakeRanked(Answer::Order order) {
  GenerationRequest request;
  request.choices = 3;
  Answer answer(request, /*truncated_tokens=*/0, /*keep_tokens=*/false);
  answer.ShowBest(2, order);
  const auto add = [&answer](std::size_t choice, float log_prob) {
    model::DecodingStep step = Step(1, "a");
    step.token->log_probs = model::LogProbs{.chosen = log_prob, .candidates = {}};
    answer.Add(choice, std::move(step));
  };
  add(0, -1.5F);
  add(1, -1.0F);
  add(1, -1.0F);
  return answer;
}

TEST(AnswerTest, TheBestChoicesAreKnownAtTheEnd) {
  Answer by_mean = MakeRanked(Answer::Order::kMean);
  EXPECT_FALSE(by_mean.ShowsChoices());
  EXPECT_EQ(by_mean.backlog().tokens, 0U);  // nobody could take it
  by_mean.Finish({});
  EXPECT_TRUE(by_mean.ShowsChoices());
  EXPECT_EQ(by_mean.shown(), 2U);
  EXPECT_EQ(by_mean.ChoiceAt(0), 1U);
  EXPECT_EQ(by_mean.ChoiceAt(1), 0U);  // one without tokens is last
  EXPECT_EQ(by_mean.generated_tokens(), 3U);
  Answer by_total = MakeRanked(Answer::Order::kTotal);
  by_total.Finish({});
  EXPECT_EQ(by_total.ChoiceAt(0), 0U);
}

TEST(AnswerTest, OfChoicesThatCameInOrderThoseThatCameAreShown) {
  GenerationRequest request;
  request.choices = 4;
  Answer answer(request, /*truncated_tokens=*/0, /*keep_tokens=*/false);
  answer.ShowBest(3, Answer::Order::kNumber);
  for (const std::size_t choice : {0U, 1U}) {
    model::DecodingStep step = Step(1, "a");
    step.finish = model::Finish();
    answer.Add(choice, std::move(step));
  }
  EXPECT_FALSE(answer.ShowsChoices());
  answer.Finish({});
  EXPECT_TRUE(answer.ShowsChoices());
  EXPECT_EQ(answer.shown(), 2U);
  EXPECT_EQ(answer.ChoiceAt(1), 1U);
}

TEST(AnswerTest, TheBestAreThoseOfTheModelsOwnDistribution) {
  GenerationRequest request;
  request.choices = 2;
  Answer answer(request, /*truncated_tokens=*/0, /*keep_tokens=*/false);
  answer.ShowBest(1, Answer::Order::kMean);
  for (const std::size_t choice : {0U, 1U}) {
    model::DecodingStep step = Step(1, "a");
    step.token->log_probs = model::LogProbs{.chosen = choice == 0 ? -0.5F : -2.0F,
                                            .candidates = {},
                                            .raw = choice == 0 ? -4.0F : -3.0F};
    answer.Add(choice, std::move(step));
  }
  answer.Finish({});
  EXPECT_EQ(answer.ChoiceAt(0), 1U);
}

TEST(AnswerTest, EndsWithTimingsOrWithAStatus) {
  Answer finished = MakeAnswer(/*keep_tokens=*/false);
  finished.Finish({.timings = {.queue = absl::Seconds(1), .prefill = {}, .decode = {}}});
  EXPECT_TRUE(finished.outcome()->ok());
  EXPECT_EQ(finished.timings().queue, absl::Seconds(1));
  Answer failed = MakeAnswer(/*keep_tokens=*/false);
  failed.Fail(absl::AbortedError("slow"));
  EXPECT_EQ(*failed.outcome(), absl::AbortedError("slow"));
}

}  // namespace
}  // namespace cascade::server
