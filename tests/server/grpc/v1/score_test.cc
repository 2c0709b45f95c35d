// SPDX-License-Identifier: Apache-2.0
// Score as clients see it, over loopback TCP: to the bit what Generate tells of prompts.
#include <bit>
#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "server/engine/worker.h"
#include "server/grpc/backend.h"
#include "tests/server/model_folder.h"
#include "tests/server/served.h"

namespace cascade::server {
namespace {

using ::cascade::testing::BadFields;
using ::cascade::testing::ModelFolder;
using ::cascade::testing::Served;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

using Tokens = std::vector<std::uint32_t>;

// `count` tokens that depend on `seed`.
Tokens AnyTokens(std::uint32_t seed, std::size_t count) {
  Tokens tokens;
  for (std::uint32_t i = 0; i < count; ++i) tokens.push_back((seed * 131 + i * i * 17) % 4096);
  return tokens;
}

void SetTokens(const Tokens& tokens, v1::Input& input) {
  input.mutable_token_ids()->mutable_ids()->Assign(tokens.begin(), tokens.end());
}

// A call as its client sees it.
struct Scores {
  std::map<std::pair<std::uint32_t, std::uint32_t>, v1::ContinuationScore> scores;
  v1::Summary summary;
  std::size_t events = 0;
  grpc::Status status;
};

class ScoreTest : public ::testing::Test {
 protected:
  Scores Score(const v1::ScoreRequest& request) {
    grpc::ClientContext context;
    const auto reader = served_.stub().Score(&context, request);
    Scores scores;
    v1::ScoreEvent event;
    while (reader->Read(&event)) {
      ++scores.events;
      EXPECT_FALSE(scores.summary.has_usage()) << "the summary comes last";
      if (event.has_summary()) {
        scores.summary = event.summary();
        continue;
      }
      const std::pair place(event.score().item(), event.score().continuation());
      EXPECT_TRUE(scores.scores.emplace(place, event.score()).second) << "each comes once";
    }
    scores.status = reader->Finish();
    return scores;
  }

  // What Generate tells of the last `count` of `tokens`.
  std::vector<v1::TokenLogProbs> LogProbs(const Tokens& tokens, std::size_t count) {
    v1::GenerateRequest request;
    request.mutable_token_ids()->mutable_ids()->Assign(tokens.begin(), tokens.end());
    request.mutable_stopping()->set_max_new_tokens(1);
    request.mutable_response()->set_prompt_logprobs(true);
    request.mutable_response()->set_ranks(true);
    request.mutable_response()->set_prompt_logprobs_from(
        static_cast<std::uint32_t>(tokens.size() - count));
    request.mutable_cache()->set_bypass(true);
    grpc::ClientContext context;
    v1::GenerateResponse response;
    EXPECT_TRUE(served_.stub().Generate(&context, request, &response).ok());
    return {response.prompt().logprobs().begin(), response.prompt().logprobs().end()};
  }

  void ExpectScore(const v1::ContinuationScore& score, Tokens prompt, const Tokens& continuation) {
    prompt.insert(prompt.end(), continuation.begin(), continuation.end());
    const std::vector<v1::TokenLogProbs> expected = LogProbs(prompt, continuation.size());
    double sum = 0;
    bool is_greedy = true;
    for (const v1::TokenLogProbs& token : expected) {
      sum += static_cast<double>(token.logprob());
      is_greedy = is_greedy && token.rank() == 1;
    }
    EXPECT_EQ(std::bit_cast<std::uint64_t>(score.logprob()), std::bit_cast<std::uint64_t>(sum));
    EXPECT_EQ(score.tokens(), continuation.size());
    EXPECT_EQ(score.is_greedy(), is_greedy);
    if (score.logprobs().empty()) return;
    ASSERT_EQ(static_cast<std::size_t>(score.logprobs_size()), expected.size());
    for (std::size_t i = 0; i < expected.size(); ++i) {
      EXPECT_EQ(score.logprobs(static_cast<int>(i)).SerializeAsString(),
                expected[i].SerializeAsString());
    }
  }

  // Items of several continuations behind prompts of every length.
  static v1::ScoreRequest ManyItems(std::uint32_t items, std::uint32_t continuations) {
    v1::ScoreRequest request;
    for (std::uint32_t i = 0; i < items; ++i) {
      v1::ScoreRequest::Item& item = *request.add_items();
      SetTokens(AnyTokens(i, 1 + i * 11 % 90), *item.mutable_prompt());
      for (std::uint32_t j = 0; j < continuations; ++j) {
        SetTokens(AnyTokens(100 + i + j, 1 + (i + j * 5) % 40), *item.add_continuations());
      }
    }
    return request;
  }

  static Tokens TokensOf(const v1::Input& input) {
    return {input.token_ids().ids().begin(), input.token_ids().ids().end()};
  }

  ModelFolder folder_;
  Served served_{folder_.path(), [](Options& options) {
                   options.worker.max_running = 8;
                   options.worker.step_tokens = 16;
                 }};
};

TEST_F(ScoreTest, IsToTheBitWhatGenerateTellsOfAPrompt) {
  for (const bool logprobs : {false, true}) {
    v1::ScoreRequest request = ManyItems(12, 3);
    request.set_logprobs(logprobs);
    const Scores scores = Score(request);
    ASSERT_TRUE(scores.status.ok()) << scores.status.error_message();
    EXPECT_EQ(scores.events, 37U);
    ASSERT_EQ(scores.scores.size(), 36U);
    std::uint32_t tokens = 0;
    for (const auto& [place, score] : scores.scores) {
      SCOPED_TRACE(::testing::Message() << place.first << ", " << place.second);
      const v1::ScoreRequest::Item& item = request.items(static_cast<int>(place.first));
      const Tokens prompt = TokensOf(item.prompt());
      const Tokens continuation = TokensOf(item.continuations(static_cast<int>(place.second)));
      EXPECT_EQ(score.logprobs().empty(), !logprobs);
      ExpectScore(score, prompt, continuation);
      tokens += static_cast<std::uint32_t>(prompt.size() + continuation.size());
    }
    EXPECT_EQ(scores.summary.usage().prompt_tokens(), tokens);
    EXPECT_EQ(scores.summary.usage().generated_tokens(), 0U);
    EXPECT_FALSE(scores.summary.fingerprint().empty());
  }
}

TEST_F(ScoreTest, GeneratesNothing) {
  const Worker& worker = served_.server().backend().worker;
  ASSERT_TRUE(Score(ManyItems(5, 2)).status.ok());
  EXPECT_EQ(worker.stats().counts.generated_tokens, 0U);
  EXPECT_EQ(worker.stats().counts.finished, 10U);
}

TEST_F(ScoreTest, TheContinuationsOfAnItemShareItsPrompt) {
  v1::ScoreRequest request;
  v1::ScoreRequest::Item& item = *request.add_items();
  SetTokens(AnyTokens(1, 321), *item.mutable_prompt());  // 20 blocks and the token that always runs
  for (std::uint32_t i = 0; i < 10; ++i) SetTokens(AnyTokens(i, 2), *item.add_continuations());
  EXPECT_EQ(Score(request).summary.usage().cached_tokens(), 9U * 320U);
}

TEST_F(ScoreTest, TextsAreTokenizedApart) {
  v1::ScoreRequest request;
  v1::ScoreRequest::Item& item = *request.add_items();
  item.mutable_prompt()->set_text("Once upon a");
  item.add_continuations()->set_text(" time there was");
  const auto ids_of = [this](const std::string& text) {
    v1::TokenizeRequest tokenize;
    tokenize.set_text(text);
    grpc::ClientContext context;
    v1::TokenizeResponse response;
    EXPECT_TRUE(served_.stub().Tokenize(&context, tokenize, &response).ok());
    return Tokens(response.token_ids().begin(), response.token_ids().end());
  };
  const Scores scores = Score(request);
  ASSERT_TRUE(scores.status.ok()) << scores.status.error_message();
  ExpectScore(scores.scores.at({0, 0}), ids_of("Once upon a"), ids_of(" time there was"));
}

TEST_F(ScoreTest, TheEndOfTextTokenStandsForAnEmptyPrompt) {
  v1::ScoreRequest request;
  SetTokens({5, 6, 7}, *request.add_items()->add_continuations());
  v1::ScoreRequest::Item& empty = *request.add_items();
  empty.mutable_prompt()->set_text("");
  SetTokens({5, 6, 7}, *empty.add_continuations());
  const std::uint32_t eos = served_.server().backend().info.defaults.eos_token_ids.front();
  const Scores scores = Score(request);
  ASSERT_TRUE(scores.status.ok()) << scores.status.error_message();
  ExpectScore(scores.scores.at({0, 0}), {eos}, {5, 6, 7});
  ExpectScore(scores.scores.at({1, 0}), {eos}, {5, 6, 7});
}

TEST_F(ScoreTest, GreedyIsWhatGreedyDecodingWouldSay) {
  v1::GenerateRequest generate = testing::Request(6);
  generate.mutable_response()->set_token_ids(true);
  grpc::ClientContext context;
  v1::GenerateResponse answer;
  ASSERT_TRUE(served_.stub().Generate(&context, generate, &answer).ok());
  const auto& ids = answer.choices(0).token_ids();
  v1::ScoreRequest request;
  v1::ScoreRequest::Item& item = *request.add_items();
  item.mutable_prompt()->set_text(generate.text());
  SetTokens({ids.begin(), ids.end()}, *item.add_continuations());
  SetTokens({ids[0], (ids[1] + 1) % 4096}, *item.add_continuations());
  const Scores scores = Score(request);
  EXPECT_TRUE(scores.scores.at({0, 0}).is_greedy());
  EXPECT_FALSE(scores.scores.at({0, 1}).is_greedy());
}

TEST_F(ScoreTest, NamesEveryFieldThatIsWrong) {
  v1::ScoreRequest request;
  EXPECT_THAT(BadFields(Score(request).status), ElementsAre("items"));
  request.set_priority(7);
  request.add_items();
  v1::ScoreRequest::Item& item = *request.add_items();
  SetTokens({4096}, *item.mutable_prompt());
  item.add_continuations();
  item.add_continuations()->set_text("");
  SetTokens({1, 5000}, *item.add_continuations());
  EXPECT_THAT(BadFields(Score(request).status),
              ElementsAre("priority", "items[0].continuations", "items[1].prompt.token_ids.ids[0]",
                          "items[1].continuations[0]", "items[1].continuations[1].text",
                          "items[1].continuations[2].token_ids.ids[1]"));
}

TEST_F(ScoreTest, RefusesMoreThanItsLimits) {
  EXPECT_THAT(BadFields(Score(ManyItems(41, 25)).status), ElementsAre("items"));
  v1::ScoreRequest request = ManyItems(4, 3);
  const ModelFolder small_folder(64);
  Served small(small_folder.path());
  grpc::ClientContext model_context;
  v1::GetModelResponse model;
  ASSERT_TRUE(small.stub().GetModel(&model_context, {}, &model).ok());
  const std::size_t most = model.limits().max_score_tokens();
  EXPECT_EQ(most, 65U);
  const auto status_of = [&](std::size_t tokens) {
    request.clear_items();
    v1::ScoreRequest::Item& item = *request.add_items();
    SetTokens(AnyTokens(1, tokens - 3), *item.mutable_prompt());
    SetTokens({1, 2, 3}, *item.add_continuations());
    grpc::ClientContext context;
    const auto reader = small.stub().Score(&context, request);
    v1::ScoreEvent event;
    while (reader->Read(&event)) {
    }
    return reader->Finish();
  };
  EXPECT_TRUE(status_of(most).ok());
  const grpc::Status too_long = status_of(most + 1);
  EXPECT_THAT(BadFields(too_long), ElementsAre("items[0].continuations[0]"));
  EXPECT_THAT(too_long.error_message(), HasSubstr("must be at most"));
}

TEST_F(ScoreTest, AManyPartCallLeavesPlacesToOthers) {
  const Admission& admission = served_.server().backend().admission;
  grpc::ClientContext context;
  const auto reader = served_.stub().Score(&context, ManyItems(100, 10));
  v1::ScoreEvent event;
  std::size_t events = 0;
  while (reader->Read(&event)) {
    ++events;
    EXPECT_LE(admission.held(), 4U);  // half of max_running
  }
  EXPECT_TRUE(reader->Finish().ok());
  EXPECT_EQ(events, 1001U);
  served_.DrainAll();
  EXPECT_TRUE(served_.EverythingIsFree());
}

TEST_F(ScoreTest, AbortAndCancellationEndIt) {
  v1::ScoreRequest request = ManyItems(40, 1);
  request.set_request_id("long");
  request.mutable_cache()->set_bypass(true);
  for (int i = 1; i < request.items_size(); ++i) {
    SetTokens(AnyTokens(7, 20'000), *request.mutable_items(i)->mutable_prompt());
  }
  for (const bool abort : {true, false}) {
    grpc::ClientContext context;
    const auto reader = served_.stub().Score(&context, request);
    v1::ScoreEvent event;
    ASSERT_TRUE(reader->Read(&event));
    if (abort) {
      grpc::ClientContext abort_context;
      v1::AbortRequest ids;
      ids.add_request_ids("long");
      v1::AbortResponse aborted;
      EXPECT_TRUE(served_.stub().Abort(&abort_context, ids, &aborted).ok());
      EXPECT_THAT(aborted.request_ids(), ElementsAre("long"));
    } else {
      context.TryCancel();
    }
    std::size_t events = 0;
    while (reader->Read(&event)) ++events;
    EXPECT_EQ(reader->Finish().error_code(), grpc::StatusCode::CANCELLED);
    EXPECT_LT(events, 39U);
    while (!served_.EverythingIsFree()) std::this_thread::yield();
  }
}

}  // namespace
}  // namespace cascade::server
