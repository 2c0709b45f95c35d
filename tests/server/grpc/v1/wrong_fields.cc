// SPDX-License-Identifier: Apache-2.0

#include "tests/server/grpc/v1/wrong_fields.h"

#include <cstdint>
#include <limits>

#include "server/grpc/request/limits.h"

namespace cascade::testing {
namespace {

constexpr float kNan = std::numeric_limits<float>::quiet_NaN();
constexpr float kInf = std::numeric_limits<float>::infinity();

}  // namespace

v1::GenerateRequest FullRequest() {
  v1::GenerateRequest request;
  request.set_request_id("a-1 ~");
  request.set_text("Once");
  request.mutable_truncation()->set_max_prompt_tokens(1);
  request.mutable_truncation()->set_side(v1::Truncation::SIDE_RIGHT);
  v1::SamplingParams& sampling = *request.mutable_sampling();
  sampling.set_temperature(0.0F);
  sampling.set_top_k(0);
  sampling.set_top_p(1.0F);
  sampling.set_min_p(0.0F);
  sampling.set_typical_p(1.0F);
  sampling.set_top_n_sigma(0.0F);
  sampling.set_seed(0);
  sampling.set_n(4);
  v1::Penalties& penalties = *request.mutable_penalties();
  penalties.set_repetition(100.0F);
  penalties.set_presence(-2.0F);
  penalties.set_frequency(2.0F);
  penalties.set_window(std::numeric_limits<std::uint32_t>::max());
  penalties.set_no_repeat_ngram_size(std::numeric_limits<std::uint32_t>::max());
  penalties.mutable_dry()->set_multiplier(100.0F);
  penalties.mutable_dry()->set_base(1.0F);
  penalties.mutable_dry()->set_allowed_length(1);
  for (int i = 0; i < 16; ++i) penalties.mutable_dry()->add_breakers(std::string(256, 'b'));
  v1::TokenRules& rules = *request.mutable_token_rules();
  (*rules.mutable_bias())[0] = -100.0F;
  (*rules.mutable_bias())[4095] = 100.0F;
  for (std::size_t i = 0; i < server::kMaxTokenRules; ++i) rules.add_allowed(4095);  // duplicates
  rules.add_banned(4095);
  for (int i = 0; i < 63; ++i) rules.add_banned_words(std::string(256, 'w'));
  rules.add_banned_sequences();
  for (int i = 0; i < 64; ++i) rules.mutable_banned_sequences(0)->add_ids(4095);
  v1::StoppingParams& stopping = *request.mutable_stopping();
  stopping.set_max_new_tokens(7);
  stopping.set_min_new_tokens(7);
  stopping.mutable_length_penalty()->set_factor(10.0F);
  for (int i = 0; i < 16; ++i) stopping.add_stop(std::string(256, 's'));  // duplicates
  for (int i = 0; i < 64; ++i) stopping.add_stop_token_ids(4095);
  request.mutable_response()->set_logprobs(true);
  request.mutable_response()->set_candidates(20);
  for (std::uint32_t i = 0; i < 20; ++i) request.mutable_response()->add_candidate_ids(4095 - i);
  request.mutable_cache()->set_salt(std::string(128, 's'));
  request.set_priority(2);
  stopping.mutable_time_limit()->set_nanos(1);
  return request;
}

v1::BeamSearch& WithBeams(v1::GenerateRequest& request) {
  request.clear_sampling();
  request.mutable_beam_search()->set_width(2);
  return *request.mutable_beam_search();
}

std::vector<WrongField> WrongFields() {
  using R = v1::GenerateRequest;
  return {
      {"request_id", [](R& r) { r.set_request_id("a\nb"); }},
      {"request_id", [](R& r) { r.set_request_id("\xC3\xA9"); }},
      {"request_id", [](R& r) { r.set_request_id(std::string(1, '\0')); }},
      {"request_id", [](R& r) { r.set_request_id(std::string(129, 'a')); }},
      {"prompt", [](R& r) { r.clear_prompt(); }},
      {"cache.salt", [](R& r) { r.mutable_cache()->set_salt(std::string(129, 's')); }},
      {"priority", [](R& r) { r.set_priority(3); }},
      {"priority", [](R& r) { r.set_priority(-11); }},
      {"stopping.time_limit", [](R& r) { r.mutable_stopping()->mutable_time_limit()->Clear(); }},
      {"stopping.time_limit",
       [](R& r) { r.mutable_stopping()->mutable_time_limit()->set_seconds(-1); }},
      {"stopping.time_limit",
       [](R& r) { r.mutable_stopping()->mutable_time_limit()->set_nanos(1'000'000'000); }},
      {"stopping.time_limit",
       [](R& r) { r.mutable_stopping()->mutable_time_limit()->set_seconds(315'576'000'001); }},
      {"text", [](R& r) { r.set_text(""); }},
      {"text", [](R& r) { r.set_text(std::string(server::kMaxTextBytes + 1, 'x')); }},
      {"token_ids.ids", [](R& r) { r.mutable_token_ids(); }},
      {"token_ids.ids[1]",
       [](R& r) {
         r.mutable_token_ids()->add_ids(4095);
         r.mutable_token_ids()->add_ids(4096);
       }},
      {"truncation.max_prompt_tokens",
       [](R& r) { r.mutable_truncation()->set_max_prompt_tokens(0); }},
      {"truncation.side",
       [](R& r) { r.mutable_truncation()->set_side(static_cast<v1::Truncation::Side>(3)); }},
      {"truncation.side",
       [](R& r) { r.mutable_truncation()->set_side(static_cast<v1::Truncation::Side>(-1)); }},
      {"sampling.temperature", [](R& r) { r.mutable_sampling()->set_temperature(-0.1F); }},
      {"sampling.temperature", [](R& r) { r.mutable_sampling()->set_temperature(100.1F); }},
      {"sampling.temperature", [](R& r) { r.mutable_sampling()->set_temperature(kNan); }},
      {"sampling.temperature", [](R& r) { r.mutable_sampling()->set_temperature(kInf); }},
      {"sampling.top_p", [](R& r) { r.mutable_sampling()->set_top_p(0.0F); }},
      {"sampling.top_p", [](R& r) { r.mutable_sampling()->set_top_p(1.1F); }},
      {"sampling.top_p", [](R& r) { r.mutable_sampling()->set_top_p(kNan); }},
      {"sampling.min_p", [](R& r) { r.mutable_sampling()->set_min_p(-0.1F); }},
      {"sampling.min_p", [](R& r) { r.mutable_sampling()->set_min_p(1.1F); }},
      {"sampling.min_p", [](R& r) { r.mutable_sampling()->set_min_p(kNan); }},
      {"sampling.typical_p", [](R& r) { r.mutable_sampling()->set_typical_p(0.0F); }},
      {"sampling.typical_p", [](R& r) { r.mutable_sampling()->set_typical_p(kNan); }},
      {"sampling.top_n_sigma", [](R& r) { r.mutable_sampling()->set_top_n_sigma(-0.1F); }},
      {"sampling.top_n_sigma", [](R& r) { r.mutable_sampling()->set_top_n_sigma(kInf); }},
      {"sampling.n", [](R& r) { r.mutable_sampling()->set_n(5); }},
      {"sampling.best_of.choices",
       [](R& r) { r.mutable_sampling()->mutable_best_of()->set_choices(5); }},
      {"sampling.best_of.choices",
       [](R& r) {
         r.mutable_sampling()->set_n(3);
         r.mutable_sampling()->mutable_best_of()->set_choices(2);
       }},
      {"sampling.best_of.order",
       [](R& r) {
         r.mutable_sampling()->mutable_best_of()->set_order(static_cast<v1::BestOf::Order>(7));
       }},
      {"sampling.per_choice",
       [](R& r) {
         r.mutable_sampling()->clear_best_of();
         r.mutable_sampling()->set_n(1);
         r.mutable_sampling()->add_per_choice();
         r.mutable_sampling()->add_per_choice();
       }},
      {"sampling.per_choice[0].temperature",
       [](R& r) { r.mutable_sampling()->add_per_choice()->set_temperature(-1.0F); }},
      {"sampling.per_choice[0].top_p",
       [](R& r) { r.mutable_sampling()->add_per_choice()->set_top_p(0.0F); }},
      {"sampling.per_choice[0].top_n_sigma",
       [](R& r) { r.mutable_sampling()->add_per_choice()->set_top_n_sigma(kNan); }},
      {"beam_search.width", [](R& r) { WithBeams(r).set_width(5); }},
      {"beam_search.width", [](R& r) { WithBeams(r).clear_width(); }},
      {"beam_search.width",
       [](R& r) {
         WithBeams(r);
         r.mutable_sampling()->set_n(3);
       }},
      {"beam_search.length_penalty", [](R& r) { WithBeams(r).set_length_penalty(kNan); }},
      {"beam_search.length_penalty", [](R& r) { WithBeams(r).set_length_penalty(-10.1F); }},
      {"beam_search.groups", [](R& r) { WithBeams(r).set_groups(3); }},
      {"beam_search.diversity_penalty", [](R& r) { WithBeams(r).set_diversity_penalty(1.0F); }},
      {"beam_search.diversity_penalty",
       [](R& r) {
         WithBeams(r).set_groups(2);
         r.mutable_beam_search()->set_diversity_penalty(100.1F);
       }},
      {"beam_search.early_stopping",
       [](R& r) {
         WithBeams(r).set_early_stopping(static_cast<v1::BeamSearch::EarlyStopping>(4));
       }},
      {"sampling.temperature",
       [](R& r) {
         WithBeams(r);
         r.mutable_sampling()->set_temperature(0.5F);
       }},
      {"sampling.typical_p",
       [](R& r) {
         WithBeams(r);
         r.mutable_sampling()->set_typical_p(1.0F);
       }},
      {"response.distribution",
       [](R& r) {
         WithBeams(r);
         r.mutable_response()->set_distribution(v1::ResponseOptions::DISTRIBUTION_PROCESSED);
       }},
      {"sampling.per_choice",
       [](R& r) {
         WithBeams(r);
         r.mutable_sampling()->add_per_choice();
       }},
      {"sampling.best_of.choices",
       [](R& r) {
         WithBeams(r);
         r.mutable_sampling()->mutable_best_of()->set_choices(2);
       }},
      {"penalties.repetition", [](R& r) { r.mutable_penalties()->set_repetition(0.0F); }},
      {"penalties.repetition", [](R& r) { r.mutable_penalties()->set_repetition(kNan); }},
      {"penalties.presence", [](R& r) { r.mutable_penalties()->set_presence(2.1F); }},
      {"penalties.frequency", [](R& r) { r.mutable_penalties()->set_frequency(kNan); }},
      {"penalties.dry.multiplier",
       [](R& r) { r.mutable_penalties()->mutable_dry()->set_multiplier(-1.0F); }},
      {"penalties.dry.base", [](R& r) { r.mutable_penalties()->mutable_dry()->set_base(0.9F); }},
      {"penalties.dry.allowed_length",
       [](R& r) { r.mutable_penalties()->mutable_dry()->set_allowed_length(0); }},
      {"penalties.dry.breakers",
       [](R& r) { r.mutable_penalties()->mutable_dry()->add_breakers("one too many"); }},
      {"penalties.dry.breakers[3]",
       [](R& r) { r.mutable_penalties()->mutable_dry()->set_breakers(3, ""); }},
      {"token_rules.bias[4096]",
       [](R& r) { (*r.mutable_token_rules()->mutable_bias())[4096] = 1.0F; }},
      {"token_rules.bias[7]", [](R& r) { (*r.mutable_token_rules()->mutable_bias())[7] = 100.1F; }},
      {"token_rules.bias[7]", [](R& r) { (*r.mutable_token_rules()->mutable_bias())[7] = kNan; }},
      {"token_rules.allowed", [](R& r) { r.mutable_token_rules()->add_allowed(1); }},
      {"token_rules.allowed[2]", [](R& r) { r.mutable_token_rules()->set_allowed(2, 4096); }},
      {"token_rules.banned[0]", [](R& r) { r.mutable_token_rules()->set_banned(0, 4096); }},
      {"token_rules.banned_words", [](R& r) { r.mutable_token_rules()->add_banned_words("one"); }},
      {"token_rules.banned_words[1]",
       [](R& r) { r.mutable_token_rules()->set_banned_words(1, ""); }},
      {"token_rules.banned_words[62]",
       [](R& r) { r.mutable_token_rules()->set_banned_words(62, std::string(257, 'w')); }},
      {"token_rules.banned_sequences[0]",
       [](R& r) { r.mutable_token_rules()->mutable_banned_sequences(0)->clear_ids(); }},
      {"token_rules.banned_sequences[0]",
       [](R& r) { r.mutable_token_rules()->mutable_banned_sequences(0)->add_ids(1); }},
      {"token_rules.banned_sequences[0].ids[1]",
       [](R& r) { r.mutable_token_rules()->mutable_banned_sequences(0)->set_ids(1, 4096); }},
      {"stopping.length_penalty.factor",
       [](R& r) { r.mutable_stopping()->mutable_length_penalty()->set_factor(0.9F); }},
      {"stopping.max_new_tokens", [](R& r) { r.mutable_stopping()->set_max_new_tokens(0); }},
      {"stopping.min_new_tokens", [](R& r) { r.mutable_stopping()->set_min_new_tokens(8); }},
      {"stopping.stop", [](R& r) { r.mutable_stopping()->add_stop("one too many"); }},
      {"stopping.stop[2]", [](R& r) { r.mutable_stopping()->set_stop(2, ""); }},
      {"stopping.stop[15]",
       [](R& r) { r.mutable_stopping()->set_stop(15, std::string(257, 's')); }},
      {"stopping.stop_token_ids", [](R& r) { r.mutable_stopping()->add_stop_token_ids(1); }},
      {"stopping.stop_token_ids[3]",
       [](R& r) { r.mutable_stopping()->set_stop_token_ids(3, 4096); }},
      {"response.candidates", [](R& r) { r.mutable_response()->set_candidates(21); }},
      {"response.candidates",
       [](R& r) {
         r.mutable_response()->Clear();
         r.mutable_response()->set_candidates(1);
       }},
      {"response.candidate_ids",
       [](R& r) {
         r.mutable_response()->Clear();
         r.mutable_response()->add_candidate_ids(1);
       }},
      {"response.candidate_ids", [](R& r) { r.mutable_response()->add_candidate_ids(1); }},
      {"response.candidate_ids[2]", [](R& r) { r.mutable_response()->set_candidate_ids(2, 4096); }},
      {"response.candidate_ids[3]", [](R& r) { r.mutable_response()->set_candidate_ids(3, 4095); }},
      {"response.prompt_logprobs_from",
       [](R& r) { r.mutable_response()->set_prompt_logprobs_from(1); }},
      {"response.distribution",
       [](R& r) {
         r.mutable_response()->set_distribution(static_cast<v1::ResponseOptions::Distribution>(3));
       }},
      {"response.distribution",
       [](R& r) {
         r.mutable_response()->Clear();
         r.mutable_response()->set_prompt_logprobs(true);
         r.mutable_response()->set_distribution(v1::ResponseOptions::DISTRIBUTION_PROCESSED);
       }},
      {"response.ranks",
       [](R& r) {
         r.mutable_response()->Clear();
         r.mutable_response()->set_ranks(true);
       }},
      {"response.bytes",
       [](R& r) {
         r.mutable_response()->Clear();
         r.mutable_response()->set_bytes(true);
       }},
  };
}

}  // namespace cascade::testing
