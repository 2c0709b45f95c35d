// SPDX-License-Identifier: Apache-2.0
// Whatever breaks off and wherever, what is told is the unbroken stream.
#include "client/answer_progress.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <map>
#include <random>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/client/fake_replica.h"

namespace cascade::client {
namespace {

using testing::FakeAnswer;

const absl::Time kStart = absl::UnixEpoch();

// All that was told, each choice put together.
struct Told {
  std::vector<std::string> prompts;
  std::map<std::uint32_t, v1::Delta> answers;
  std::map<std::uint32_t, std::string> finishes;
  std::size_t finish_count = 0;
  std::vector<v1::Summary> summaries;

  void Add(const v1::GenerateEvent& event) {
    if (event.has_prompt()) prompts.push_back(event.prompt().SerializeAsString());
    if (event.has_delta()) {
      const v1::Delta& delta = event.delta();
      EXPECT_FALSE(finishes.contains(delta.index())) << "a delta behind the finish";
      v1::Delta& answer = answers[delta.index()];
      answer.set_text(answer.text() + delta.text());
      answer.mutable_token_ids()->MergeFrom(delta.token_ids());
      answer.mutable_logprobs()->MergeFrom(delta.logprobs());
    }
    if (event.has_finish()) {
      ++finish_count;
      finishes[event.finish().index()] = event.finish().SerializeAsString();
    }
    if (event.has_summary()) summaries.push_back(event.summary());
  }

  std::string AnswersAsText() const {
    std::string text;
    for (const auto& [index, answer] : answers) {
      absl::StrAppend(&text, index, ":", answer.ShortDebugString(), "\n");
    }
    return text;
  }
};

void ExpectSame(const Told& got, const Told& expected) {
  EXPECT_EQ(got.prompts, expected.prompts);
  EXPECT_EQ(got.AnswersAsText(), expected.AnswersAsText());
  EXPECT_EQ(got.finishes, expected.finishes);
  EXPECT_EQ(got.finish_count, expected.finish_count);
  ASSERT_EQ(got.summaries.size(), 1U);
  EXPECT_EQ(got.summaries[0].usage().generated_tokens(),
            expected.summaries[0].usage().generated_tokens());
}

// Streams that bring `events[0]`, `events[1]`, ... events before they break off, and then whole
// ones.
Told Stream(const v1::GenerateRequest& request, const std::vector<std::size_t>& events,
            const std::string& fingerprint = "abcd") {
  AnswerProgress progress(request, kStart);
  Told told;
  for (std::size_t stream = 0; !progress.whole(); ++stream) {
    if (stream > 30) {
      ADD_FAILURE() << "it does not get on";
      return told;
    }
    const std::vector<v1::GenerateEvent> answer =
        FakeAnswer(progress.BeginStream(kStart), fingerprint);
    const std::size_t count = stream < events.size() ? events[stream] : answer.size();
    for (std::size_t i = 0; i < std::min(count, answer.size()); ++i) {
      v1::GenerateEvent event = answer[i];
      progress.Take(event, [&told](const v1::GenerateEvent& told_one) { told.Add(told_one); });
    }
  }
  return told;
}

v1::GenerateRequest Request(std::uint32_t n, bool token_ids, bool logprobs) {
  v1::GenerateRequest request;
  request.set_text("Once");
  request.mutable_sampling()->set_n(n);
  request.mutable_sampling()->set_seed(12);
  request.mutable_response()->set_token_ids(token_ids);
  request.mutable_response()->set_logprobs(logprobs);
  return request;
}

void TryAllBreaks(const v1::GenerateRequest& request) {
  const Told whole = Stream(request, {});
  ASSERT_EQ(whole.answers.size(), whole.finish_count);
  const std::size_t size = FakeAnswer(request, "abcd").size();
  for (std::size_t first = 0; first < size; ++first) {
    SCOPED_TRACE(absl::StrCat("break after ", first));
    ExpectSame(Stream(request, {first}), whole);
    for (std::size_t second = 0; second < 6; ++second) {
      ExpectSame(Stream(request, {first, second, second}), whole);
    }
    if (::testing::Test::HasFailure()) return;
  }
}

TEST(AnswerProgressTest, OneAnswerBreaksOffAnywhere) {
  for (const bool token_ids : {false, true}) TryAllBreaks(Request(1, token_ids, !token_ids));
}

TEST(AnswerProgressTest, EachOfSeveralAnswersIsResumed) {
  for (const bool token_ids : {false, true}) TryAllBreaks(Request(3, token_ids, !token_ids));
}

// What single choices are drawn with stays theirs.
TEST(AnswerProgressTest, AnswersThatAreDrawnInWaysOfTheirOwnAreResumed) {
  v1::GenerateRequest request = Request(3, true, true);
  request.mutable_sampling()->add_per_choice()->set_seed(77);
  request.mutable_sampling()->add_per_choice()->set_top_k(5);
  TryAllBreaks(request);
}

// Nothing is told before all have ended; the fake tells them one after the other all the same.
TEST(AnswerProgressTest, AnswersThatCompeteAreRepeatedWithoutWhatWasTold) {
  v1::GenerateRequest best = Request(2, true, true);
  best.mutable_sampling()->mutable_best_of()->set_choices(4);
  TryAllBreaks(best);
  v1::GenerateRequest beams = Request(2, false, false);
  beams.mutable_beam_search()->set_width(4);
  TryAllBreaks(beams);
}

// A server that knows no resume would tell the answer from its beginning.
TEST(AnswerProgressTest, WithoutFingerprintsAnswersAreRepeatedWithoutWhatWasTold) {
  const v1::GenerateRequest request = Request(2, false, true);
  const Told whole = Stream(request, {}, "");
  const std::size_t size = FakeAnswer(request, "").size();
  for (std::size_t first = 0; first < size; ++first) {
    SCOPED_TRACE(first);
    ExpectSame(Stream(request, {first, first / 2}, ""), whole);
  }
}

TEST(AnswerProgressTest, AStreamOfAnotherFingerprintIsIgnored) {
  AnswerProgress progress(Request(1, true, false), kStart);
  std::size_t told = 0;
  const auto take = [&](const std::string& fingerprint, std::size_t count) {
    const std::vector<v1::GenerateEvent> answer =
        FakeAnswer(progress.BeginStream(kStart), fingerprint);
    for (std::size_t i = 0; i < std::min(count, answer.size()); ++i) {
      v1::GenerateEvent event = answer[i];
      progress.Take(event, [&told](const v1::GenerateEvent&) { ++told; });
    }
  };
  take("abcd", 3);
  EXPECT_EQ(told, 3U);
  take("", 100);
  EXPECT_EQ(told, 3U);
  EXPECT_FALSE(progress.stream_is_whole());
  take("abcd", 100);
  EXPECT_TRUE(progress.whole());
}

TEST(AnswerProgressTest, TheTokensIdsAreAskedForAndToldOnlyIfTheyWere) {
  AnswerProgress progress(Request(1, false, false), kStart);
  EXPECT_TRUE(progress.BeginStream(kStart).response().token_ids());
  const Told told = Stream(Request(1, false, false), {});
  EXPECT_EQ(told.answers.at(0).token_ids_size(), 0);
}

TEST(AnswerProgressTest, ASeedIsDrawnOnceForAllStreams) {
  v1::GenerateRequest request = Request(1, true, false);
  request.mutable_sampling()->clear_seed();
  AnswerProgress progress(request, kStart);
  const v1::GenerateRequest first = progress.BeginStream(kStart);
  EXPECT_TRUE(first.sampling().has_seed());
  EXPECT_EQ(progress.BeginStream(kStart).sampling().seed(), first.sampling().seed());
}

TEST(AnswerProgressTest, WhatResumesAsksForNothingOfThePromptAgain) {
  v1::GenerateRequest request = Request(1, true, false);
  request.mutable_response()->set_prompt_logprobs(true);
  request.mutable_response()->set_candidates(3);
  request.mutable_response()->set_echo(true);
  request.mutable_stopping()->mutable_time_limit()->set_seconds(10);
  AnswerProgress progress(request, kStart);
  const std::vector<v1::GenerateEvent> answer = FakeAnswer(progress.BeginStream(kStart), "abcd");
  for (std::size_t i = 0; i < 2; ++i) {
    v1::GenerateEvent event = answer[i];
    progress.Take(event, [](const v1::GenerateEvent&) {});
  }
  const v1::GenerateRequest rest = progress.BeginStream(kStart + absl::Milliseconds(2500));
  EXPECT_EQ(rest.resume().token_ids_size(), 1);
  EXPECT_EQ(rest.resume().fingerprint(), "abcd");
  EXPECT_FALSE(rest.response().prompt_logprobs());
  EXPECT_FALSE(rest.response().echo());
  EXPECT_EQ(rest.response().candidates(), 0U);
  EXPECT_EQ(rest.stopping().time_limit().seconds(), 7);
  EXPECT_EQ(rest.stopping().time_limit().nanos(), 500'000'000);
  const v1::GenerateRequest late = progress.BeginStream(kStart + absl::Hours(1));
  EXPECT_EQ(late.stopping().time_limit().seconds(), 0);
  EXPECT_EQ(late.stopping().time_limit().nanos(), 1);
}

}  // namespace
}  // namespace cascade::client
