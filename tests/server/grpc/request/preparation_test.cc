// SPDX-License-Identifier: Apache-2.0

#include "server/grpc/request/preparation.h"

#include <cstdint>
#include <set>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "model/tokenizer/tokenizer.h"
#include "server/engine/clock.h"
#include "server/grpc/model_info.h"
#include "server/grpc/status.h"
#include "server/grpc/v1/request.h"
#include "tests/server/served.h"
#include "tests/support/source_path.h"
#include "tests/support/status_matchers.h"

namespace cascade::server {
namespace {

using ::cascade::testing::BadFields;
using ::cascade::testing::IsInvalid;
using ::cascade::testing::IsOk;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

class PreparationTest : public ::testing::Test {
 protected:
  PreparationTest() : tokenizer_(*model::Tokenizer::Load(testing::BundledModelFolder())) {
    info_.config.vocab_size = 4096;
    info_.config.n_ctx = 32;
    info_.defaults.temperature = 0.8F;
    info_.defaults.top_k = 40;
    info_.defaults.typical_p = 0.9F;
    info_.defaults.repetition_penalty = 1.2F;
    info_.defaults.no_repeat_ngram_size = 3;
    info_.defaults.max_new_tokens = 5;
    info_.defaults.eos_token_ids = {4095};
    info_.cache_positions = 32;
  }

  absl::StatusOr<PreparedRequest> Prepare(const v1::GenerateRequest& request) const {
    return PrepareBy(absl::InfiniteFuture(), request);
  }

  absl::StatusOr<PreparedRequest> PrepareBy(absl::Time deadline,
                                            const v1::GenerateRequest& request) const {
    Violations violations;
    return server::Prepare(ToTextRequest(request, violations), deadline, info_, tokenizer_);
  }

  static v1::GenerateRequest WithTokens(std::uint32_t count) {
    v1::GenerateRequest request;
    for (std::uint32_t i = 0; i < count; ++i) request.mutable_token_ids()->add_ids(i);
    return request;
  }

  ModelInfo info_;
  model::Tokenizer tokenizer_;
};

TEST_F(PreparationTest, TakesTheModelsDefaultsForWhatIsLeftOut) {
  v1::GenerateRequest request;
  request.set_text("Once upon a time");
  const absl::StatusOr<PreparedRequest> prepared = Prepare(request);
  ASSERT_THAT(prepared, IsOk());
  const model::GenerationParams& params = prepared->generation.params;
  EXPECT_EQ(params.sampling.temperature, 0.8F);
  EXPECT_EQ(params.sampling.top_k, 40U);
  EXPECT_EQ(params.sampling.top_p, 1.0F);
  EXPECT_EQ(params.sampling.min_p, 0.0F);
  EXPECT_EQ(params.sampling.typical_p, 0.9F);
  EXPECT_EQ(params.penalties.repetition, 1.2F);
  EXPECT_EQ(params.penalties.no_repeat_ngram_size, 3U);
  EXPECT_TRUE(params.penalties.repetition_counts_prompt);
  EXPECT_FALSE(params.penalties.presence_and_frequency_count_prompt);
  EXPECT_THAT(params.penalties.dry.breakers, ElementsAre("\n", ":", "\"", "*"));
  EXPECT_EQ(prepared->generation.choices, 1U);
  EXPECT_EQ(params.stopping.max_new_tokens, 5U);
  EXPECT_THAT(params.stopping.eos_token_ids, ElementsAre(4095));
  EXPECT_FALSE(params.output.logprobs);
  EXPECT_FALSE(params.output.prompt_logprobs_from.has_value());
  EXPECT_EQ(prepared->prompt_bytes, 0U);
  EXPECT_EQ(prepared->state_bytes, 0U);
  EXPECT_TRUE(prepared->generation.use_prefix_cache);
  EXPECT_TRUE(prepared->generation.speculate);
  EXPECT_EQ(prepared->generation.finish_by, absl::InfiniteFuture());
  EXPECT_THAT(prepared->generation.prompt, ElementsAre(2762, 660, 258, 533));
}

TEST_F(PreparationTest, TakesEveryFieldOfTheRequest) {
  v1::GenerateRequest request = WithTokens(2);
  request.set_request_id("mine");
  request.mutable_sampling()->set_temperature(0.0F);
  request.mutable_sampling()->set_top_k(0);
  request.mutable_sampling()->set_top_p(0.5F);
  request.mutable_sampling()->set_min_p(0.25F);
  request.mutable_sampling()->set_seed(9);
  request.mutable_sampling()->set_typical_p(0.75F);
  request.mutable_sampling()->set_top_n_sigma(1.5F);
  request.mutable_sampling()->set_n(2);
  request.mutable_penalties()->set_repetition(1.25F);
  request.mutable_penalties()->set_presence(0.5F);
  request.mutable_penalties()->set_frequency(-0.5F);
  request.mutable_penalties()->set_window(8);
  request.mutable_penalties()->set_no_repeat_ngram_size(4);
  request.mutable_penalties()->mutable_dry()->set_multiplier(0.5F);
  request.mutable_penalties()->mutable_dry()->set_base(3.0F);
  request.mutable_penalties()->mutable_dry()->set_allowed_length(5);
  request.mutable_penalties()->mutable_dry()->set_window(6);
  request.mutable_penalties()->mutable_dry()->add_breakers(".");
  (*request.mutable_token_rules()->mutable_bias())[3] = 1.5F;
  request.mutable_token_rules()->add_allowed(4);
  request.mutable_token_rules()->add_banned(5);
  request.mutable_token_rules()->add_banned_words("time");
  request.mutable_token_rules()->add_banned_sequences()->add_ids(6);
  request.mutable_stopping()->mutable_length_penalty()->set_start(9);
  request.mutable_stopping()->mutable_length_penalty()->set_factor(1.5F);
  request.mutable_stopping()->set_max_new_tokens(7);
  request.mutable_stopping()->set_min_new_tokens(3);
  request.mutable_stopping()->add_stop("end");
  request.mutable_stopping()->add_stop_token_ids(11);
  request.mutable_stopping()->set_include_stop(true);
  request.mutable_stopping()->set_ignore_eos(true);
  request.mutable_response()->set_token_ids(true);
  request.mutable_response()->set_logprobs(true);
  request.mutable_response()->set_candidates(2);
  request.mutable_response()->add_candidate_ids(8);
  request.mutable_response()->set_ranks(true);
  request.mutable_response()->set_distribution(v1::ResponseOptions::DISTRIBUTION_PROCESSED);
  request.mutable_response()->set_prompt_logprobs(true);
  request.mutable_response()->set_prompt_logprobs_from(1);
  request.mutable_cache()->set_salt("salt");
  request.mutable_cache()->set_bypass(true);
  request.set_priority(-3);
  request.set_speculation(false);
  request.mutable_stopping()->mutable_time_limit()->set_seconds(100);
  request.mutable_stopping()->mutable_time_limit()->set_nanos(500'000'000);
  const absl::Time before = MonotonicNow();
  const absl::StatusOr<PreparedRequest> prepared = Prepare(request);
  ASSERT_THAT(prepared, IsOk());
  EXPECT_EQ(prepared->generation.id, "mine");
  EXPECT_THAT(prepared->generation.prompt, ElementsAre(0, 1));
  const model::GenerationParams& params = prepared->generation.params;
  EXPECT_TRUE(params.sampling.greedy());
  EXPECT_EQ(params.sampling.top_k, 0U);
  EXPECT_EQ(params.sampling.top_p, 0.5F);
  EXPECT_EQ(params.sampling.min_p, 0.25F);
  EXPECT_EQ(params.sampling.seed, 9U);
  EXPECT_EQ(params.sampling.typical_p, 0.75F);
  EXPECT_EQ(params.sampling.top_n_sigma, 1.5F);
  EXPECT_EQ(prepared->generation.choices, 2U);
  EXPECT_EQ(params.penalties.repetition, 1.25F);
  EXPECT_EQ(params.penalties.presence, 0.5F);
  EXPECT_EQ(params.penalties.frequency, -0.5F);
  EXPECT_EQ(params.penalties.window, 8U);
  EXPECT_EQ(params.penalties.no_repeat_ngram_size, 4U);
  EXPECT_EQ(params.penalties.dry.multiplier, 0.5F);
  EXPECT_EQ(params.penalties.dry.base, 3.0F);
  EXPECT_EQ(params.penalties.dry.allowed_length, 5U);
  EXPECT_EQ(params.penalties.dry.window, 6U);
  EXPECT_THAT(params.penalties.dry.breakers, ElementsAre("."));
  ASSERT_EQ(params.tokens.bias.size(), 1U);
  EXPECT_EQ(params.tokens.bias[0].token, 3U);
  EXPECT_EQ(params.tokens.bias[0].bias, 1.5F);
  EXPECT_THAT(params.tokens.allowed, ElementsAre(4));
  EXPECT_THAT(params.tokens.banned, ElementsAre(5));
  // "time", " time", and the tokens.
  EXPECT_THAT(params.tokens.banned_sequences,
              ElementsAre(::testing::Not(IsEmpty()), ElementsAre(533), ElementsAre(6)));
  EXPECT_EQ(params.stopping.length_penalty.start, 9U);
  EXPECT_EQ(params.stopping.length_penalty.factor, 1.5F);
  EXPECT_EQ(params.stopping.max_new_tokens, 7U);
  EXPECT_EQ(params.stopping.min_new_tokens, 3U);
  EXPECT_THAT(params.stopping.stop, ElementsAre("end"));
  EXPECT_THAT(params.stopping.stop_token_ids, ElementsAre(11));
  EXPECT_THAT(params.stopping.eos_token_ids, IsEmpty());
  EXPECT_TRUE(params.stopping.include_stop);
  EXPECT_TRUE(params.output.logprobs);
  EXPECT_EQ(params.output.candidates, 2U);
  EXPECT_THAT(params.output.candidate_ids, ElementsAre(8));
  EXPECT_TRUE(params.output.ranks);
  EXPECT_EQ(params.output.distribution, model::Distribution::kProcessed);
  EXPECT_EQ(params.output.prompt_logprobs_from, 1U);
  EXPECT_GT(prepared->prompt_bytes, 0U);
  // The second choice's logits and probabilities.
  EXPECT_GE(prepared->state_bytes, 2 * 4096U * sizeof(float));
  EXPECT_EQ(prepared->generation.cache_salt, "salt");
  EXPECT_FALSE(prepared->generation.use_prefix_cache);
  EXPECT_EQ(prepared->generation.priority, -3);
  EXPECT_FALSE(prepared->generation.speculate);
  EXPECT_GE(prepared->generation.finish_by, before + absl::Milliseconds(100'500));
  EXPECT_LE(prepared->generation.finish_by, MonotonicNow() + absl::Milliseconds(100'500));
}

TEST_F(PreparationTest, EachCandidateCountsInTheAnswersSize) {
  v1::GenerateRequest request = WithTokens(3);
  request.mutable_response()->set_logprobs(true);
  request.mutable_response()->set_prompt_logprobs(true);
  const absl::StatusOr<PreparedRequest> none = Prepare(request);
  request.mutable_response()->set_candidates(2);
  const absl::StatusOr<PreparedRequest> best = Prepare(request);
  request.mutable_response()->set_candidates(0);
  request.mutable_response()->add_candidate_ids(8);
  request.mutable_response()->add_candidate_ids(9);
  const absl::StatusOr<PreparedRequest> given = Prepare(request);
  EXPECT_GT(given->answer_bytes, none->answer_bytes);
  EXPECT_GT(given->prompt_bytes, none->prompt_bytes);
  EXPECT_EQ(given->answer_bytes, best->answer_bytes);
  EXPECT_EQ(given->prompt_bytes, best->prompt_bytes);
}

TEST_F(PreparationTest, AChoiceHasWhatIsSaidOfItAndTheRestOfTheRequest) {
  info_.cache_positions = 32 * 4;
  v1::GenerateRequest request = WithTokens(3);
  v1::SamplingParams& sampling = *request.mutable_sampling();
  sampling.set_n(4);
  sampling.set_top_p(0.5F);
  sampling.set_top_n_sigma(2.0F);
  sampling.set_seed(7);
  sampling.add_per_choice();
  v1::ChoiceSampling& own = *sampling.add_per_choice();
  own.set_temperature(0.25F);
  own.set_top_k(9);
  own.set_min_p(0.125F);
  own.set_top_n_sigma(0.0F);
  sampling.add_per_choice()->set_seed(100);
  const absl::StatusOr<PreparedRequest> prepared = Prepare(request);
  ASSERT_THAT(prepared, IsOk());
  const std::vector<model::SamplingParams>& choices = prepared->generation.choice_sampling;
  ASSERT_EQ(choices.size(), 3U);
  EXPECT_EQ(choices[0].temperature, 0.8F);  // the model's
  EXPECT_EQ(choices[0].top_p, 0.5F);
  EXPECT_EQ(choices[0].top_n_sigma, 2.0F);
  EXPECT_EQ(choices[0].seed, 7U);
  EXPECT_EQ(choices[1].temperature, 0.25F);
  EXPECT_EQ(choices[1].top_k, 9U);
  EXPECT_EQ(choices[1].top_p, 0.5F);
  EXPECT_EQ(choices[1].min_p, 0.125F);
  EXPECT_EQ(choices[1].typical_p, 0.9F);
  EXPECT_EQ(choices[1].top_n_sigma, 0.0F);
  EXPECT_EQ(choices[1].seed, 8U);
  EXPECT_EQ(choices[2].seed, 100U);
}

TEST_F(PreparationTest, MakesIdsAndSeedsThatDiffer) {
  std::set<std::string> ids;
  std::set<std::uint64_t> seeds;
  for (int i = 0; i < 100; ++i) {
    const absl::StatusOr<PreparedRequest> prepared = Prepare(WithTokens(1));
    ASSERT_THAT(prepared, IsOk());
    ids.insert(prepared->generation.id);
    seeds.insert(prepared->generation.params.sampling.seed);
    EXPECT_EQ(prepared->generation.id.size(), 16U);
  }
  EXPECT_EQ(ids.size(), 100U);
  EXPECT_EQ(seeds.size(), 100U);
}

TEST_F(PreparationTest, SpecialTokensInATextAreCharactersUnlessAskedFor) {
  v1::GenerateRequest request;
  request.set_text("<|endoftext|>");
  EXPECT_GT(Prepare(request)->generation.prompt.size(), 1U);
  request.set_parse_special_tokens(true);
  EXPECT_THAT(Prepare(request)->generation.prompt, ElementsAre(4095));
}

TEST_F(PreparationTest, RefusesADeadlineThatHasPassedBeforeAllElse) {
  const absl::StatusOr<PreparedRequest> prepared =
      PrepareBy(MonotonicNow() - absl::Nanoseconds(1), v1::GenerateRequest());
  EXPECT_EQ(prepared.status().code(), absl::StatusCode::kDeadlineExceeded);
}

TEST_F(PreparationTest, APromptMustLeaveRoomForOneToken) {
  EXPECT_THAT(Prepare(WithTokens(31)), IsOk());
  const absl::StatusOr<PreparedRequest> prepared = Prepare(WithTokens(32));
  EXPECT_THAT(prepared, IsInvalid({"32 tokens", "context of 32", "at most 31"}));
  EXPECT_THAT(BadFields(ToGrpcStatus(prepared.status())), ElementsAre("token_ids.ids"));
}

TEST_F(PreparationTest, TruncatesFromTheLeft) {
  v1::GenerateRequest request = WithTokens(40);
  request.mutable_truncation();
  const absl::StatusOr<PreparedRequest> prepared = Prepare(request);
  ASSERT_THAT(prepared, IsOk());
  EXPECT_EQ(prepared->generation.prompt.size(), 27U);  // with 5 tokens to come, by default
  EXPECT_EQ(prepared->generation.prompt.back(), 39U);
  EXPECT_EQ(prepared->truncated_tokens, 13U);
}

TEST_F(PreparationTest, ADefaultIsCutToTheCacheAndWhatTheRequestWantsIsNot) {
  info_.cache_positions = 16;
  info_.defaults.max_new_tokens = 10;
  const absl::StatusOr<PreparedRequest> by_default = Prepare(WithTokens(12));
  ASSERT_THAT(by_default, IsOk());
  EXPECT_EQ(by_default->generation.params.stopping.max_new_tokens, 5U);
  EXPECT_EQ(Prepare(WithTokens(3))->generation.params.stopping.max_new_tokens, 10U);
  v1::GenerateRequest request = WithTokens(12);
  request.mutable_stopping()->set_max_new_tokens(10);
  EXPECT_THAT(Prepare(request), IsInvalid({"max_new_tokens", "is 10", "at most 5 would fit"}));
}

TEST_F(PreparationTest, ADefaultDoesNotContradictMinNewTokens) {
  v1::GenerateRequest request = WithTokens(2);
  request.mutable_stopping()->set_min_new_tokens(7);  // more than the 5 by default
  const absl::StatusOr<PreparedRequest> prepared = Prepare(request);
  ASSERT_THAT(prepared, IsOk());
  EXPECT_EQ(prepared->generation.params.stopping.max_new_tokens, 7U);
}

TEST_F(PreparationTest, TruncationLeavesRoomForWhatIsToCome) {
  info_.cache_positions = 16;  // less than the context: 17 tokens together
  v1::GenerateRequest request = WithTokens(40);
  request.mutable_truncation();
  request.mutable_stopping()->set_max_new_tokens(10);
  EXPECT_EQ(Prepare(request)->generation.prompt.size(), 7U);
  request.mutable_stopping()->set_max_new_tokens(16);
  EXPECT_EQ(Prepare(request)->generation.prompt.size(), 1U);
}

TEST_F(PreparationTest, TruncationLeavesRoomForOneTokenIfAllCannotFit) {
  v1::GenerateRequest request = WithTokens(40);
  request.mutable_truncation();
  request.mutable_stopping()->set_max_new_tokens(32);
  EXPECT_EQ(Prepare(request)->generation.prompt.size(), 31U);
}

TEST_F(PreparationTest, TheRequestsOwnTruncationCounts) {
  v1::GenerateRequest request = WithTokens(40);
  request.mutable_truncation()->set_max_prompt_tokens(30);
  request.mutable_stopping()->set_max_new_tokens(10);
  EXPECT_EQ(Prepare(request)->generation.prompt.size(), 30U);
}

TEST_F(PreparationTest, TruncatesFromTheRight) {
  v1::GenerateRequest request = WithTokens(40);
  request.mutable_truncation()->set_side(v1::Truncation::SIDE_RIGHT);
  request.mutable_truncation()->set_max_prompt_tokens(3);
  const absl::StatusOr<PreparedRequest> prepared = Prepare(request);
  ASSERT_THAT(prepared, IsOk());
  EXPECT_THAT(prepared->generation.prompt, ElementsAre(0, 1, 2));
  EXPECT_EQ(prepared->truncated_tokens, 37U);
}

TEST_F(PreparationTest, TruncationLeavesAShortPromptAlone) {
  v1::GenerateRequest request = WithTokens(3);
  request.mutable_truncation()->set_max_prompt_tokens(1000);
  const absl::StatusOr<PreparedRequest> prepared = Prepare(request);
  ASSERT_THAT(prepared, IsOk());
  EXPECT_EQ(prepared->generation.prompt.size(), 3U);
  EXPECT_EQ(prepared->truncated_tokens, 0U);
}

TEST_F(PreparationTest, MoreNewTokensThanTheContextHoldsAreAllowed) {
  v1::GenerateRequest request = WithTokens(3);
  request.mutable_stopping()->set_max_new_tokens(1'000'000);
  EXPECT_THAT(Prepare(request), IsOk());
}

// The default is a bound, but what the request asks for at least is not to be cut.
TEST_F(PreparationTest, RefusesAMinimumThatTheCacheDoesNotHold) {
  info_.cache_positions = 16;
  v1::GenerateRequest request = WithTokens(3);
  request.mutable_stopping()->set_min_new_tokens(14);
  EXPECT_EQ(Prepare(request)->generation.params.stopping.max_new_tokens, 14U);
  request.mutable_stopping()->set_min_new_tokens(15);
  const absl::StatusOr<PreparedRequest> prepared = Prepare(request);
  EXPECT_THAT(prepared, IsInvalid({"is 15", "at most 14 would fit"}));
  EXPECT_THAT(BadFields(ToGrpcStatus(prepared.status())), ElementsAre("stopping.min_new_tokens"));
}

TEST_F(PreparationTest, RefusesWhatCouldNeverFitInTheCache) {
  info_.cache_positions = 16;
  v1::GenerateRequest request = WithTokens(10);
  request.mutable_stopping()->set_max_new_tokens(7);  // the last token needs no place
  EXPECT_THAT(Prepare(request), IsOk());
  request.mutable_stopping()->set_max_new_tokens(8);
  const absl::StatusOr<PreparedRequest> prepared = Prepare(request);
  EXPECT_THAT(prepared, IsInvalid({"is 8", "10 tokens", "17 positions", "has 16", "at most 7"}));
  EXPECT_THAT(BadFields(ToGrpcStatus(prepared.status())), ElementsAre("stopping.max_new_tokens"));
}

TEST_F(PreparationTest, ACacheSmallerThanTheContextBoundsThePrompt) {
  info_.cache_positions = 16;
  v1::GenerateRequest request = WithTokens(17);
  request.mutable_stopping()->set_max_new_tokens(1);
  EXPECT_THAT(Prepare(request), IsInvalid({"17 tokens", "KV cache of 16", "at most 16"}));
  request = WithTokens(16);
  request.mutable_stopping()->set_max_new_tokens(1);
  EXPECT_THAT(Prepare(request), IsOk());
}

}  // namespace
}  // namespace cascade::server
