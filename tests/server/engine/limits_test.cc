// SPDX-License-Identifier: Apache-2.0

#include "server/engine/limits.h"

#include <cstddef>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace cascade::server {
namespace {

using ::testing::HasSubstr;

constexpr EngineLimits kLimits = {
    .n_ctx = 64, .vocab_size = 100, .total_blocks = 2, .max_running = 4};

GenerationRequest Request(std::size_t prompt_tokens, std::size_t max_new_tokens) {
  GenerationRequest request;
  request.prompt.assign(prompt_tokens, 7);
  request.params.stopping.max_new_tokens = max_new_tokens;
  return request;
}

void ExpectRefusal(const GenerationRequest& request, const char* why) {
  const absl::Status status = CheckRunnable(request, kLimits);
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(status.message(), HasSubstr(why));
}

TEST(LimitsTest, TheLastTokenNeedsNoPosition) {
  EXPECT_EQ(PositionsNeeded(Request(1, 1), 64), 1U);
  EXPECT_EQ(PositionsNeeded(Request(10, 6), 64), 15U);
}

TEST(LimitsTest, TheContextBoundsWhatIsNeeded) {
  EXPECT_EQ(PositionsNeeded(Request(10, 1000), 64), 63U);
  EXPECT_EQ(PositionsNeeded(Request(63, static_cast<std::size_t>(-1)), 64), 63U);
}

TEST(LimitsTest, WhatFitsIntoTheWholeCacheCanRun) {
  EXPECT_TRUE(CheckRunnable(Request(1, 1), kLimits).ok());
  EXPECT_TRUE(CheckRunnable(Request(20, 13), kLimits).ok());  // 32 positions: 2 blocks
}

TEST(LimitsTest, NamesWhatCanNeverRun) {
  ExpectRefusal(Request(20, 14), "need 3 blocks of the KV cache, which has 2");
  ExpectRefusal(Request(0, 1), "the prompt has 0 tokens; it must have 1 to 63");
  ExpectRefusal(Request(64, 1), "the prompt has 64 tokens; it must have 1 to 63");
  ExpectRefusal(Request(3, 0), "max_new_tokens is 0");
  GenerationRequest request = Request(3, 1);
  request.prompt[1] = 100;
  ExpectRefusal(request, "token 100, at index 1 of the prompt, is not in the vocabulary of 100");
}

TEST(LimitsTest, BeamsFitTheirChoicesGroupsAndAnswers) {
  GenerationRequest request = Request(3, 1);
  request.choices = 4;
  const auto set_beams = [&request](std::size_t width, std::size_t returned, std::size_t groups) {
    request.params.beams = model::BeamParams();
    request.params.beams->width = width;
    request.params.beams->returned = returned;
    request.params.beams->groups = groups;
  };
  set_beams(4, 4, 2);
  EXPECT_TRUE(
      CheckRunnable(request, {.n_ctx = 64, .vocab_size = 100, .total_blocks = 4, .max_running = 4})
          .ok());
  set_beams(3, 3, 1);
  ExpectRefusal(request, "3 beams in 1 groups for 3 answers, and 4 choices");
  set_beams(4, 5, 1);
  ExpectRefusal(request, "no fewer than the answers");
  set_beams(4, 4, 3);
  ExpectRefusal(request, "a multiple of the groups");
}

TEST(LimitsTest, WhatGeneratesNothingNeedsNoRoomBehindThePrompt) {
  GenerationRequest hidden = Request(32, 0);
  hidden.hidden_from = 0;
  EXPECT_TRUE(CheckRunnable(hidden, kLimits).ok());
  EXPECT_EQ(PositionsNeeded(hidden, 64), 32U);
  GenerationRequest scored = Request(33, 0);  // whose last token does not run
  scored.params.output.prompt_logprobs_from = 1;
  EXPECT_TRUE(CheckRunnable(scored, kLimits).ok());
  EXPECT_EQ(PositionsNeeded(scored, 64), 32U);

  hidden.prompt.resize(33);
  ExpectRefusal(hidden, "need 3 blocks of the KV cache, which has 2");
  hidden.prompt.resize(65);
  ExpectRefusal(hidden, "the prompt has 65 tokens; it must have 1 to 64 in a context of 64");
  scored.prompt.resize(66);
  ExpectRefusal(scored, "the prompt has 66 tokens; it must have 2 to 65");
  scored.prompt.resize(1);
  ExpectRefusal(scored, "the prompt has 1 tokens; it must have 2 to 65");
}

TEST(LimitsTest, WhatGeneratesNothingMustWantSomethingOfItsPrompt) {
  GenerationRequest request = Request(8, 0);
  request.params.output.prompt_logprobs_from = 8;
  ExpectRefusal(request, "begins at index 8; it must begin below its size, 8");
  request.hidden_from = 0;
  ExpectRefusal(request, "unless either hidden states or log-probabilities");
  request.params.output.prompt_logprobs_from.reset();
  request.choices = 2;
  ExpectRefusal(request, "has 2 choices and generates nothing; it must have 1");
  request.choices = 1;
  request.params.stopping.max_new_tokens = 3;
  ExpectRefusal(request, "hidden states are wanted and max_new_tokens is 3; it must be 0");
}

TEST(LimitsTest, ChoicesShareTheFullBlocksOfThePrompt) {
  GenerationRequest request = Request(20, 13);  // 32 positions: a full block, and one that is not
  EXPECT_EQ(BlocksNeeded(request, 64), 2U);
  EXPECT_EQ(BlocksPerFork(request, 64), 1U);
  request.choices = 3;
  EXPECT_EQ(BlocksNeeded(request, 64), 4U);
  ExpectRefusal(request, "3 choices of a prompt of 20 tokens and max_new_tokens 13 need 4 blocks");
}

TEST(LimitsTest, ChoicesOfOneTokenEndWhereThePromptEnds) {
  GenerationRequest request = Request(16, 1);
  request.choices = 4;
  EXPECT_EQ(BlocksNeeded(request, 64), 1U);
  EXPECT_TRUE(CheckRunnable(request, kLimits).ok());
}

TEST(LimitsTest, EveryChoiceNeedsAPlaceInTheStep) {
  GenerationRequest request = Request(3, 1);
  request.choices = 0;
  ExpectRefusal(request, "the request has 0 choices; it must have 1 to 4");
  request.choices = 5;
  ExpectRefusal(request, "the request has 5 choices; it must have 1 to 4");
  request.choices = 2;
  request.choice_sampling.resize(3);
  ExpectRefusal(request, "the request says how 3 choices are drawn; it has no more than 2");
  request.choice_sampling.clear();
  request.choices = 2;
  EXPECT_TRUE(CheckRunnable(request, kLimits).ok());
}

}  // namespace
}  // namespace cascade::server
