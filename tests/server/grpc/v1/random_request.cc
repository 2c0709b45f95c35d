// SPDX-License-Identifier: Apache-2.0

#include "tests/server/grpc/v1/random_request.h"

#include <algorithm>
#include <limits>

#include "absl/strings/str_cat.h"

namespace cascade::testing {
namespace {

void AddPrompt(Dice& dice, std::uint32_t context, std::uint32_t vocabulary, RandomRequest& r) {
  if (dice.OneIn(20)) {
    r.wrong.insert("prompt");
  } else if (dice.OneIn(20)) {
    r.request.set_text("");
    r.wrong.insert("text");
  } else if (dice.OneIn(2)) {
    r.request.set_text(dice.Text(8));  // at most 48 tokens
    r.request.set_parse_special_tokens(dice.OneIn(2));
  } else {
    const std::uint32_t count = dice.Pick<std::uint32_t>({1, 2, 17, context - 1, context, 1000});
    for (std::uint32_t i = 0; i < count; ++i) {
      r.request.mutable_token_ids()->add_ids(dice.Below(vocabulary));
    }
    r.too_long = count >= context && !r.request.has_truncation();
    if (!dice.OneIn(20)) return;
    r.request.mutable_token_ids()->set_ids(0, vocabulary + dice.Below(10));
    r.wrong.insert("token_ids.ids[0]");
  }
}

void AddTruncation(Dice& dice, std::uint32_t context, RandomRequest& r) {
  if (dice.OneIn(2)) return;
  v1::Truncation& truncation = *r.request.mutable_truncation();
  if (dice.OneIn(2)) truncation.set_side(v1::Truncation::SIDE_RIGHT);
  if (dice.OneIn(2)) truncation.set_max_prompt_tokens(1 + dice.Below(2 * context));
  if (!dice.OneIn(20)) return;
  truncation.set_max_prompt_tokens(0);
  r.wrong.insert("truncation.max_prompt_tokens");
}

void AddPerChoice(Dice& dice, RandomRequest& r) {
  v1::SamplingParams& sampling = *r.request.mutable_sampling();
  const std::uint32_t choices = std::max({1U, sampling.n(), sampling.best_of().choices()});
  for (std::uint32_t i = dice.Below(choices + 1); i > 0; --i) {
    v1::ChoiceSampling& own = *sampling.add_per_choice();
    if (dice.OneIn(2)) own.set_temperature(dice.Pick<float>({0.0F, 0.7F, 100.0F}));
    if (dice.OneIn(2)) own.set_top_k(dice.Pick<std::uint32_t>({0, 1, 40}));
    if (dice.OneIn(2)) own.set_top_n_sigma(1.5F);
    if (dice.OneIn(2)) own.set_seed(dice.Below(1000));
  }
  if (sampling.per_choice().empty() || !dice.OneIn(25)) return;
  sampling.mutable_per_choice(0)->set_min_p(2.0F);
  r.wrong.insert("sampling.per_choice[0].min_p");
}

void AddSampling(Dice& dice, RandomRequest& r) {
  constexpr float kNan = std::numeric_limits<float>::quiet_NaN();
  v1::SamplingParams& sampling = *r.request.mutable_sampling();
  if (dice.OneIn(2)) sampling.set_temperature(dice.Pick<float>({0.0F, 1e-7F, 0.7F, 1.0F, 100.0F}));
  if (dice.OneIn(2)) sampling.set_top_k(dice.Pick<std::uint32_t>({0, 1, 40, 5000, 0xFFFFFFFF}));
  if (dice.OneIn(2)) sampling.set_top_p(dice.Pick<float>({1e-30F, 0.5F, 1.0F}));
  if (dice.OneIn(2)) sampling.set_min_p(dice.Pick<float>({0.0F, 0.5F, 1.0F}));
  if (dice.OneIn(3)) sampling.set_typical_p(dice.Pick<float>({1e-30F, 0.5F, 1.0F}));
  if (dice.OneIn(3)) sampling.set_top_n_sigma(dice.Pick<float>({0.0F, 1e-30F, 1.0F, 100.0F}));
  if (dice.OneIn(3)) sampling.set_n(dice.Below(4));
  if (dice.OneIn(6)) {
    sampling.mutable_best_of()->set_choices(std::clamp(sampling.n() + dice.Below(2), 1U, 3U));
    if (dice.OneIn(2)) sampling.mutable_best_of()->set_order(v1::BestOf::ORDER_TOTAL);
  }
  if (dice.OneIn(2)) sampling.set_seed(dice.Below(1000));
  AddPerChoice(dice, r);
  if (dice.OneIn(25)) {
    sampling.set_temperature(dice.Pick<float>({-1.0F, 101.0F, kNan}));
    r.wrong.insert("sampling.temperature");
  }
  if (dice.OneIn(25)) {
    sampling.set_top_p(dice.Pick<float>({0.0F, 1.5F, kNan}));
    r.wrong.insert("sampling.top_p");
  }
  if (dice.OneIn(25)) {
    sampling.set_min_p(dice.Pick<float>({-0.1F, 1.5F, kNan}));
    r.wrong.insert("sampling.min_p");
  }
}

// Instead of sampling.
void AddBeams(Dice& dice, RandomRequest& r) {
  v1::BeamSearch& beams = *r.request.mutable_beam_search();
  beams.set_width(1 + dice.Below(3));
  r.request.mutable_sampling()->set_n(dice.Below(beams.width() + 1));
  if (dice.OneIn(2)) r.request.mutable_sampling()->set_temperature(0.0F);
  if (dice.OneIn(2)) beams.set_length_penalty(dice.Pick<float>({-10.0F, 0.0F, 0.7F, 10.0F}));
  beams.set_early_stopping(static_cast<v1::BeamSearch::EarlyStopping>(dice.Below(4)));
  if (beams.width() > 1 && dice.OneIn(2)) {
    beams.set_groups(beams.width());
    beams.set_diversity_penalty(dice.Pick<float>({1e-30F, 1.0F, 100.0F}));
  }
  if (!dice.OneIn(5)) return;
  switch (dice.Below(5)) {
    case 0:
      r.request.mutable_sampling()->set_top_k(3);
      r.wrong.insert("sampling.top_k");
      break;
    case 1:
      beams.set_width(1000);
      beams.clear_groups();
      beams.clear_diversity_penalty();
      r.wrong.insert("beam_search.width");
      break;
    case 2:
      beams.set_length_penalty(dice.Pick<float>({10.5F, std::numeric_limits<float>::quiet_NaN()}));
      r.wrong.insert("beam_search.length_penalty");
      break;
    case 3:
      beams.set_groups(1000);
      r.wrong.insert("beam_search.groups");
      break;
    default:
      beams.set_early_stopping(static_cast<v1::BeamSearch::EarlyStopping>(99));
      r.wrong.insert("beam_search.early_stopping");
  }
}

// At most one thing is wrong.
void AddPenalties(Dice& dice, RandomRequest& r) {
  v1::Penalties& penalties = *r.request.mutable_penalties();
  if (dice.OneIn(2)) penalties.set_repetition(dice.Pick<float>({0.01F, 0.9F, 1.3F, 100.0F}));
  if (dice.OneIn(2)) penalties.set_presence(dice.Pick<float>({-2.0F, 0.5F, 2.0F}));
  if (dice.OneIn(2)) penalties.set_frequency(dice.Pick<float>({-2.0F, 0.5F, 2.0F}));
  if (dice.OneIn(2)) penalties.set_window(dice.Pick<std::uint32_t>({1, 5, 0xFFFFFFFF}));
  if (dice.OneIn(2)) penalties.set_count_prompt(dice.OneIn(2));
  if (dice.OneIn(2)) penalties.set_no_repeat_ngram_size(dice.Pick<std::uint32_t>({0, 2, 5000}));
  if (dice.OneIn(2)) {
    penalties.mutable_dry()->set_multiplier(dice.Pick<float>({0.8F, 100.0F}));
    if (dice.OneIn(2)) penalties.mutable_dry()->set_base(dice.Pick<float>({1.0F, 100.0F}));
    if (dice.OneIn(2)) penalties.mutable_dry()->set_allowed_length(1);
    if (dice.OneIn(2)) penalties.mutable_dry()->set_window(7);
    if (dice.OneIn(2)) penalties.mutable_dry()->add_breakers(dice.Text(1));
  }
  if (!dice.OneIn(25)) return;
  penalties.set_frequency(2.5F);
  r.wrong.insert("penalties.frequency");
}

void AddTokenRules(Dice& dice, std::uint32_t vocabulary, RandomRequest& r) {
  v1::TokenRules& rules = *r.request.mutable_token_rules();
  for (std::uint32_t i = dice.Below(3); i > 0; --i) {
    (*rules.mutable_bias())[dice.Below(vocabulary)] = dice.Pick<float>({-100.0F, -1.5F, 100.0F});
  }
  if (dice.OneIn(4)) {
    for (int i = 0; i < 50; ++i) rules.add_allowed(dice.Below(vocabulary));
  }
  for (std::uint32_t i = dice.Below(4); i > 0; --i) rules.add_banned(dice.Below(vocabulary));
  if (dice.OneIn(2)) rules.add_banned_words(dice.Text(2));
  if (dice.OneIn(2)) rules.add_banned_sequences()->add_ids(dice.Below(vocabulary));
  if (dice.OneIn(4)) {
    v1::LengthPenalty& penalty = *r.request.mutable_stopping()->mutable_length_penalty();
    penalty.set_start(dice.Below(5));
    penalty.set_factor(dice.Pick<float>({1.0F, 1.1F, 10.0F}));
  }
  if (!dice.OneIn(25)) return;
  rules.add_banned(vocabulary);
  r.wrong.insert(absl::StrCat("token_rules.banned[", rules.banned_size() - 1, "]"));
}

// With nothing that could exclude what the constraint allows: that is another test's.
void AddConstraint(Dice& dice, RandomRequest& r) {
  v1::Constraint& constraint = *r.request.mutable_constraint();
  switch (dice.Below(5)) {
    case 0:
      constraint.set_regex(dice.Pick<const char*>({"[a-z ]*", "(?i)yes|no", "\\w+, \\d{2,4}"}));
      break;
    case 1:
      constraint.set_json_schema(dice.Pick<const char*>(
          {R"({"type": "integer", "minimum": -5})",
           R"({"type": "object", "properties": {"a": {"enum": [1, "b"]}}, "required": ["a"]})"}));
      break;
    case 2:
      constraint.set_json_object(true);
      break;
    case 3:
      constraint.mutable_choice()->add_values("caf\xC3\xA9");
      constraint.mutable_choice()->add_values("Once upon a time");
      break;
    default:
      constraint.set_grammar("root ::= \"(\" root* \")\"");
  }
  if (!dice.OneIn(10)) return;
  switch (dice.Below(4)) {
    case 0:
      constraint.set_regex(dice.Pick<const char*>({"(", "a**", "(a|b)\\1", "a{1000000}"}));
      r.wrong_constraint = "constraint.regex";
      break;
    case 1:
      constraint.set_json_schema(dice.Pick<const char*>({"{", "[]", R"({"type": 3})", "false"}));
      r.wrong_constraint = "constraint.json_schema";
      break;
    case 2:
      constraint.mutable_choice()->clear_values();
      r.wrong.insert("constraint.choice.values");
      break;
    default:
      constraint.set_grammar(
          dice.Pick<const char*>({"root ::= root \"a\"", "root ::= other", "x"}));
      r.wrong_constraint = "constraint.grammar";
  }
}

void AddStopping(Dice& dice, std::uint32_t vocabulary, RandomRequest& r) {
  v1::StoppingParams& stopping = *r.request.mutable_stopping();
  stopping.set_max_new_tokens(dice.Pick<std::uint32_t>({1, 2, 5, 30, 1'000'000}));
  if (dice.OneIn(4)) stopping.set_min_new_tokens(1);
  for (std::uint32_t i = dice.Below(3); i > 0; --i) stopping.add_stop(dice.Text(1));
  for (std::uint32_t i = dice.Below(3); i > 0; --i) {
    stopping.add_stop_token_ids(dice.Below(vocabulary));
  }
  stopping.set_include_stop(dice.OneIn(2));
  stopping.set_ignore_eos(dice.OneIn(2));
  if (dice.OneIn(25)) {
    stopping.set_max_new_tokens(0);
    r.wrong.insert("stopping.max_new_tokens");
  } else if (dice.OneIn(25)) {
    stopping.set_min_new_tokens(stopping.max_new_tokens() + 1);
    r.wrong.insert("stopping.min_new_tokens");
  }
  if (dice.OneIn(25)) {
    r.wrong.insert(absl::StrCat("stopping.stop[", stopping.stop_size(), "]"));
    stopping.add_stop(std::string(dice.Pick<std::size_t>({0, 257}), 's'));
  }
}

void AddResponse(Dice& dice, std::uint32_t vocabulary, RandomRequest& r) {
  v1::ResponseOptions& response = *r.request.mutable_response();
  response.set_token_ids(true);
  response.set_echo(dice.OneIn(4));
  if (dice.OneIn(4)) response.set_stream_interval(dice.Pick<std::uint32_t>({1, 7, 1024}));
  response.set_logprobs(dice.OneIn(2));
  if (dice.OneIn(4)) {
    response.set_prompt_logprobs(true);
    response.set_prompt_logprobs_from(dice.Pick<std::uint32_t>({0, 1, 20, 5000}));
  }
  if (response.logprobs() || response.prompt_logprobs()) {
    response.set_candidates(dice.Below(21));
    response.set_ranks(dice.OneIn(2));
    response.set_bytes(dice.OneIn(2));
    const std::uint32_t first = dice.Below(vocabulary - 20);
    for (std::uint32_t i = dice.Below(21); i > 0; --i) response.add_candidate_ids(first + i);
    if (dice.OneIn(25)) {
      response.clear_candidate_ids();
      response.add_candidate_ids(vocabulary);
      r.wrong.insert("response.candidate_ids[0]");
    }
  }
  if (response.logprobs() && dice.OneIn(3)) {
    response.set_distribution(v1::ResponseOptions::DISTRIBUTION_PROCESSED);
    if (r.request.has_beam_search()) r.wrong.insert("response.distribution");
  }
  if (dice.OneIn(50)) {
    response.set_stream_interval(1025);
    r.wrong.insert("response.stream_interval");
  }
  if (!dice.OneIn(25)) return;
  response.set_candidates(21);
  r.wrong.insert("response.candidates");
}

void AddSchedule(Dice& dice, RandomRequest& r) {
  if (dice.OneIn(2)) r.request.mutable_cache()->set_salt(dice.Pick<std::string>({"", "a", "b"}));
  if (dice.OneIn(4)) r.request.mutable_cache()->set_bypass(true);
  if (dice.OneIn(4)) r.request.set_speculation(dice.OneIn(2));
  if (dice.OneIn(4)) r.request.set_priority(-static_cast<int>(dice.Below(11)));
  if (dice.OneIn(8)) {
    r.request.mutable_stopping()->mutable_time_limit()->set_nanos(
        1 + static_cast<int>(dice.Below(20'000'000)));
  }
  if (dice.OneIn(25)) {
    r.request.set_priority(dice.Pick({-11, 1}));
    r.wrong.insert("priority");
  }
  if (dice.OneIn(25)) {
    r.request.mutable_cache()->set_salt(std::string(129, 's'));
    r.wrong.insert("cache.salt");
  }
}

}  // namespace

std::string Dice::Text(std::uint32_t max_words) {
  std::string text;
  for (std::uint32_t i = 1 + Below(max_words); i > 0; --i) {
    text += Pick<const char*>({"Once ", "upon", " a time", "\n", "caf\xC3\xA9 ", "\xF0\x9F\x90\x89",
                               "<|endoftext|>", "42", "   ", "it's"});
  }
  return text;
}

RandomRequest MakeRandomRequest(Dice& dice, std::uint32_t context, std::uint32_t vocabulary) {
  RandomRequest r;
  AddTruncation(dice, context, r);
  AddPrompt(dice, context, vocabulary, r);
  if (dice.OneIn(6)) {
    AddBeams(dice, r);
  } else if (dice.OneIn(2)) {
    AddSampling(dice, r);
  }
  if (dice.OneIn(2)) AddPenalties(dice, r);
  if (dice.OneIn(2)) {
    AddTokenRules(dice, vocabulary, r);
  } else if (dice.OneIn(2)) {
    AddConstraint(dice, r);
  }
  AddStopping(dice, vocabulary, r);
  AddResponse(dice, vocabulary, r);
  AddSchedule(dice, r);
  if (dice.OneIn(25)) {
    r.request.set_request_id(dice.Pick<std::string>({"a\tb", std::string(129, 'x')}));
    r.wrong.insert("request_id");
  }
  if (r.too_long) r.wrong.insert("token_ids.ids");
  // Constraints are translated when nothing else is wrong.
  if (r.wrong.empty() && !r.wrong_constraint.empty()) r.wrong.insert(r.wrong_constraint);
  return r;
}

}  // namespace cascade::testing
