// SPDX-License-Identifier: Apache-2.0

#include "server/grpc/vllm/request.h"

#include <cstdint>
#include <functional>
#include <limits>
#include <optional>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "server/grpc/model_info.h"
#include "server/grpc/request/limits.h"
#include "server/grpc/status.h"
#include "tests/server/served.h"
#include "tests/support/status_matchers.h"

namespace cascade::server {
namespace {

using ::cascade::testing::BadFields;
using ::cascade::testing::IsOk;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::Optional;

using Change = std::function<void(engine_pb::GenerateRequest&)>;

ModelInfo Info() {
  ModelInfo info;
  info.config.vocab_size = 4096;
  info.config.n_ctx = 512;
  info.defaults.max_new_tokens = 128;
  info.cache_positions = 512;
  info.max_running = 4;
  return info;
}

engine_pb::GenerateRequest Minimal() {
  engine_pb::GenerateRequest request;
  request.mutable_tokenized()->add_input_ids(7);
  return request;
}

// The fields that are refused in a request that has nothing but a prompt and `change`.
std::vector<std::string> Refused(const Change& change) {
  engine_pb::GenerateRequest request = Minimal();
  change(request);
  return BadFields(ToGrpcStatus(Validate(request, Info())));
}

TextRequest Translated(const engine_pb::GenerateRequest& request) {
  Violations violations(VllmFieldName);
  TextRequest translated = ToTextRequest(request, violations);
  EXPECT_THAT(violations.ToStatus(), IsOk());
  return translated;
}

TEST(VllmRequestTest, TokensAreAWholeRequestAndNothingIsLeftToTheModelsDefaults) {
  const engine_pb::GenerateRequest request = Minimal();
  EXPECT_THAT(Validate(request, Info()), IsOk());
  const TextRequest translated = Translated(request);
  EXPECT_FALSE(translated.text);
  ASSERT_TRUE(translated.token_ids);
  EXPECT_THAT(*translated.token_ids, ElementsAre(7U));
  EXPECT_THAT(translated.sampling.temperature, Optional(1.0F));
  EXPECT_THAT(translated.sampling.top_p, Optional(1.0F));
  EXPECT_THAT(translated.sampling.top_k, Optional(0U));
  EXPECT_THAT(translated.sampling.min_p, Optional(0.0F));
  EXPECT_THAT(translated.sampling.typical_p, Optional(1.0F));
  EXPECT_FALSE(translated.sampling.seed);
  EXPECT_EQ(translated.sampling.n, 1U);
  EXPECT_THAT(translated.penalties.repetition, Optional(1.0F));
  EXPECT_THAT(translated.penalties.no_repeat_ngram_size, Optional(0U));
  EXPECT_FALSE(translated.stopping.max_new_tokens);  // but for this one: the server's
  EXPECT_FALSE(translated.truncation);
  EXPECT_FALSE(translated.constraint);
  EXPECT_FALSE(translated.response.logprobs);
  EXPECT_FALSE(translated.response.prompt_logprobs_from);
}

TEST(VllmRequestTest, EveryFieldThatIsServedArrives) {
  engine_pb::GenerateRequest request;
  request.set_request_id("mine");
  request.set_text("Once");
  engine_pb::SamplingParams& params = *request.mutable_sampling_params();
  params.set_temperature(0.0F);
  params.set_top_p(0.5F);
  params.set_top_k(3);
  params.set_min_p(0.25F);
  params.set_frequency_penalty(1.5F);
  params.set_presence_penalty(-1.5F);
  params.set_repetition_penalty(1.25F);
  params.set_max_tokens(9);
  params.set_min_tokens(2);
  params.add_stop("end");
  params.add_stop_token_ids(11);
  params.set_skip_special_tokens(true);
  params.set_ignore_eos(true);
  params.set_n(3);
  params.set_logprobs(2);
  params.set_prompt_logprobs(5);
  params.set_seed(-7);
  params.set_include_stop_str_in_output(true);
  (*params.mutable_logit_bias())[20] = 2.0F;
  (*params.mutable_logit_bias())[10] = -1.0F;
  params.set_truncate_prompt_tokens(64);
  params.set_regex("[ab]+");
  EXPECT_THAT(Validate(request, Info()), IsOk());
  const TextRequest translated = Translated(request);
  EXPECT_EQ(translated.request_id, "mine");
  EXPECT_THAT(translated.text, Optional(absl::string_view("Once")));
  EXPECT_TRUE(translated.parse_special_tokens);
  EXPECT_THAT(translated.sampling.temperature, Optional(0.0F));
  EXPECT_THAT(translated.sampling.top_p, Optional(0.5F));
  EXPECT_THAT(translated.sampling.top_k, Optional(3U));
  EXPECT_THAT(translated.sampling.min_p, Optional(0.25F));
  EXPECT_THAT(translated.sampling.seed, Optional(static_cast<std::uint64_t>(-7)));
  EXPECT_EQ(translated.sampling.n, 3U);
  EXPECT_EQ(translated.penalties.frequency, 1.5F);
  EXPECT_EQ(translated.penalties.presence, -1.5F);
  EXPECT_THAT(translated.penalties.repetition, Optional(1.25F));
  EXPECT_THAT(translated.stopping.max_new_tokens, Optional(9U));
  EXPECT_EQ(translated.stopping.min_new_tokens, 2U);
  EXPECT_THAT(translated.stopping.stop, ElementsAre("end"));
  EXPECT_THAT(translated.stopping.stop_token_ids, ElementsAre(11U));
  EXPECT_TRUE(translated.stopping.ignore_eos);
  EXPECT_TRUE(translated.stopping.include_stop);
  ASSERT_EQ(translated.token_rules.bias.size(), 2U);
  EXPECT_EQ(translated.token_rules.bias[0].token, 10U);
  EXPECT_EQ(translated.token_rules.bias[1].bias, 2.0F);
  ASSERT_TRUE(translated.truncation);
  EXPECT_THAT(translated.truncation->max_prompt_tokens, Optional(std::size_t{64}));
  EXPECT_FALSE(translated.truncation->keep_beginning);
  EXPECT_TRUE(translated.response.logprobs);
  EXPECT_THAT(translated.response.prompt_logprobs_from, Optional(0U));
  EXPECT_EQ(translated.response.candidates, 5U);  // the larger of the two
  EXPECT_FALSE(translated.response.special_tokens_in_text);
  ASSERT_TRUE(translated.constraint);
  EXPECT_EQ(translated.constraint->text, "[ab]+");
}

TEST(VllmRequestTest, SeedAndTruncationOfMinusOneAreTheDefaults) {
  engine_pb::GenerateRequest request = Minimal();
  request.mutable_sampling_params()->set_seed(-1);
  request.mutable_sampling_params()->set_truncate_prompt_tokens(-1);
  const TextRequest translated = Translated(request);
  EXPECT_FALSE(translated.sampling.seed);
  ASSERT_TRUE(translated.truncation);
  EXPECT_FALSE(translated.truncation->max_prompt_tokens);
}

TEST(VllmRequestTest, EveryKindOfConstraintHasItsOwn) {
  using Kind = model::ConstraintSpec::Kind;
  const auto kind = [](const Change& change) {
    engine_pb::GenerateRequest request = Minimal();
    change(request);
    const TextRequest translated = Translated(request);
    return translated.constraint ? std::optional<Kind>(translated.constraint->kind) : std::nullopt;
  };
  EXPECT_THAT(kind([](auto& r) { r.mutable_sampling_params()->set_json_schema("{}"); }),
              Optional(Kind::kJsonSchema));
  EXPECT_THAT(kind([](auto& r) { r.mutable_sampling_params()->set_regex("a"); }),
              Optional(Kind::kRegex));
  EXPECT_THAT(kind([](auto& r) { r.mutable_sampling_params()->set_grammar("root ::= \"a\""); }),
              Optional(Kind::kGrammar));
  EXPECT_THAT(kind([](auto& r) { r.mutable_sampling_params()->set_json_object(true); }),
              Optional(Kind::kJsonObject));
  EXPECT_THAT(
      kind([](auto& r) { r.mutable_sampling_params()->mutable_choice()->add_choices("a"); }),
      Optional(Kind::kChoice));
  EXPECT_EQ(kind([](auto& r) { r.mutable_sampling_params()->set_json_object(false); }),
            std::nullopt);
}

TEST(VllmRequestTest, WhatThisServerDoesNotDoIsRefusedByName) {
  EXPECT_THAT(Refused([](auto& r) { r.mutable_kv_transfer_params(); }),
              ElementsAre("kv_transfer_params"));
  EXPECT_THAT(Refused([](auto& r) { r.set_kv_transfer_params_json("{}"); }),
              ElementsAre("kv_transfer_params_json"));
  EXPECT_THAT(Refused([](auto& r) { r.mutable_mm_inputs(); }), ElementsAre("mm_inputs"));
  EXPECT_THAT(Refused([](auto& r) { r.add_extra_mm_inputs(); }), ElementsAre("extra_mm_inputs"));
  EXPECT_THAT(Refused([](auto& r) { r.mutable_media_refs(); }), ElementsAre("media_refs"));
  EXPECT_THAT(Refused([](auto& r) { r.set_data_parallel_rank(1); }),
              ElementsAre("data_parallel_rank"));
  EXPECT_THAT(Refused([](auto& r) { r.set_data_parallel_rank(0); }), IsEmpty());
  EXPECT_THAT(Refused([](auto& r) { r.mutable_sampling_params()->set_structural_tag("{}"); }),
              ElementsAre("sampling_params.structural_tag"));
  EXPECT_THAT(Refused([](auto& r) { r.mutable_sampling_params()->set_logprobs(-1); }),
              ElementsAre("sampling_params.logprobs"));
  EXPECT_THAT(Refused([](auto& r) { r.mutable_sampling_params()->set_prompt_logprobs(-1); }),
              ElementsAre("sampling_params.prompt_logprobs"));
}

// A change that makes one field wrong, by the name that it has here.
struct WrongField {
  std::string field;
  std::function<void(engine_pb::GenerateRequest&, engine_pb::SamplingParams&)> change;
};

std::vector<WrongField> WrongFields() {
  constexpr float kNan = std::numeric_limits<float>::quiet_NaN();
  return {
      {"request_id", [](auto& r, auto&) { r.set_request_id("\n"); }},
      {"input", [](auto& r, auto&) { r.clear_input(); }},
      {"text", [](auto& r, auto&) { r.set_text(""); }},
      {"tokenized.input_ids", [](auto& r, auto&) { r.mutable_tokenized()->clear_input_ids(); }},
      {"tokenized.input_ids[1]",
       [](auto& r, auto&) { r.mutable_tokenized()->add_input_ids(4096); }},
      {"sampling_params.temperature", [](auto&, auto& p) { p.set_temperature(-1.0F); }},
      {"sampling_params.top_p", [](auto&, auto& p) { p.set_top_p(kNan); }},
      {"sampling_params.min_p", [](auto&, auto& p) { p.set_min_p(2.0F); }},
      {"sampling_params.n", [](auto&, auto& p) { p.set_n(5); }},
      {"sampling_params.frequency_penalty", [](auto&, auto& p) { p.set_frequency_penalty(3.0F); }},
      {"sampling_params.presence_penalty", [](auto&, auto& p) { p.set_presence_penalty(-3.0F); }},
      {"sampling_params.repetition_penalty",
       [](auto&, auto& p) { p.set_repetition_penalty(-1.0F); }},
      {"sampling_params.max_tokens", [](auto&, auto& p) { p.set_max_tokens(0); }},
      {"sampling_params.min_tokens",
       [](auto&, auto& p) {
         p.set_max_tokens(1);
         p.set_min_tokens(2);
       }},
      {"sampling_params.stop[0]", [](auto&, auto& p) { p.add_stop(""); }},
      {"sampling_params.stop_token_ids[0]", [](auto&, auto& p) { p.add_stop_token_ids(5000); }},
      {"sampling_params.logprobs", [](auto&, auto& p) { p.set_logprobs(21); }},
      {"sampling_params.prompt_logprobs", [](auto&, auto& p) { p.set_prompt_logprobs(21); }},
      {"sampling_params.logit_bias[-1]", [](auto&, auto& p) { (*p.mutable_logit_bias())[-1] = 1; }},
      {"sampling_params.logit_bias[5000]",
       [](auto&, auto& p) { (*p.mutable_logit_bias())[5000] = 1; }},
      {"sampling_params.logit_bias[1]", [](auto&, auto& p) { (*p.mutable_logit_bias())[1] = 101; }},
      {"sampling_params.truncate_prompt_tokens",
       [](auto&, auto& p) { p.set_truncate_prompt_tokens(-2); }},
      {"sampling_params.truncate_prompt_tokens",
       [](auto&, auto& p) { p.set_truncate_prompt_tokens(0); }},
      {"sampling_params.json_schema", [](auto&, auto& p) { p.set_json_schema(""); }},
      {"sampling_params.regex", [](auto&, auto& p) { p.set_regex(""); }},
      {"sampling_params.grammar", [](auto&, auto& p) { p.set_grammar(""); }},
      {"sampling_params.choice.choices", [](auto&, auto& p) { p.mutable_choice(); }},
      {"sampling_params.choice.choices[0]",
       [](auto&, auto& p) { p.mutable_choice()->add_choices(""); }},
  };
}

TEST(VllmRequestTest, WhatIsWrongIsToldByTheDialectsOwnNames) {
  for (const WrongField& wrong : WrongFields()) {
    EXPECT_THAT(Refused([&wrong](engine_pb::GenerateRequest& request) {
                  wrong.change(request, *request.mutable_sampling_params());
                }),
                ElementsAre(wrong.field));
  }
}

TEST(VllmRequestTest, AVectorIsOfTheLastTokenAndOfUnitLength) {
  engine_pb::EmbedRequest message;
  message.set_request_id("mine");
  message.mutable_tokenized()->add_input_ids(5);
  const EmbeddingRequest request = ToEmbeddingRequest(message);
  ASSERT_EQ(request.inputs.size(), 1U);
  EXPECT_THAT(*request.inputs[0].token_ids, ElementsAre(5U));
  EXPECT_EQ(request.pooling, Pooling::kLast);
  EXPECT_TRUE(request.normalize);
  EXPECT_EQ(request.request_id, "mine");
  EXPECT_EQ(VllmFieldName("inputs[0]"), "tokenized");
  EXPECT_EQ(VllmFieldName("inputs[0].token_ids[3]"), "tokenized.input_ids[3]");
}

TEST(VllmRequestTest, FewIdsAreAbortedAtOnce) {
  engine_pb::AbortRequest request;
  EXPECT_THAT(Validate(request), IsOk());
  for (std::size_t i = 0; i <= kMaxAbortedRequests; ++i) request.add_request_ids("x");
  EXPECT_THAT(BadFields(ToGrpcStatus(Validate(request))), ElementsAre("request_ids"));
}

}  // namespace
}  // namespace cascade::server
