// SPDX-License-Identifier: Apache-2.0

#include "tools/cascade/sampling_flags.h"

#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "tools/cascade/text.h"

namespace cascade::cli {
namespace {

// "NUMBER:FLOAT". INVALID_ARGUMENT, naming the flag and what it wants, for anything else.
absl::StatusOr<std::pair<std::uint32_t, float>> ParsePair(absl::string_view text,
                                                          absl::string_view flag,
                                                          absl::string_view form) {
  const std::pair<absl::string_view, absl::string_view> parts =
      absl::StrSplit(text, absl::MaxSplits(':', 1));
  std::pair<std::uint32_t, float> pair;
  if (absl::SimpleAtoi(parts.first, &pair.first) && absl::SimpleAtof(parts.second, &pair.second)) {
    return pair;
  }
  return absl::InvalidArgumentError(
      absl::StrCat("--", flag, ": ", Quoted(text), " is not of the form ", form));
}

// Adds each text, its escapes replaced, to `out`.
absl::Status AddTexts(const std::vector<std::string>& texts, absl::string_view flag,
                      google::protobuf::RepeatedPtrField<std::string>& out) {
  for (const std::string& text : texts) {
    const absl::StatusOr<std::string> plain = Unescape(text);
    if (!plain.ok()) {
      return absl::InvalidArgumentError(absl::StrCat("--", flag, ": ", plain.status().message()));
    }
    if (!IsUtf8(*plain)) {
      return absl::InvalidArgumentError(absl::StrCat("--", flag, ": it is not UTF-8"));
    }
    *out.Add() = *plain;
  }
  return absl::OkStatus();
}

}  // namespace

void SamplingFlags::AddTo(Flags& flags) {
  flags.BeginGroup("How tokens are chosen");
  flags.Add("temperature", "T", "0 is greedy; 1 is the model's own distribution", &temperature_);
  flags.Add("top_k", "K", "keep the K most probable tokens; 0 keeps all", &top_k_);
  flags.Add("top_p", "P", "keep the fewest tokens that reach this probability", &top_p_);
  flags.Add("min_p", "P", "drop tokens below this share of the best one's probability", &min_p_);
  flags.Add("typical_p", "P", "keep the most typical tokens that reach this probability",
            &typical_p_);
  flags.Add("top_n_sigma", "N", "drop tokens further below the best than N standard deviations",
            &top_n_sigma_);
  flags.Add("seed", "N", "the same seed gives the same text (a random one)", &seed_);
  flags.Add("n", "N", "give N answers (1)", &n_);
  flags.Add("choice_temperature", "T",
            "the temperature of the first answer, the next one if given again, and so on",
            &choice_temperatures_);
  flags.Add("best_of", "N", "generate N answers and give the most probable of them", &best_of_);
  AddPenaltiesTo(flags);
  AddTokenRulesTo(flags);
}

void SamplingFlags::AddPenaltiesTo(Flags& flags) {
  flags.BeginGroup("Penalties for what is there already");
  flags.Add("repetition_penalty", "R", "above 1: tokens that are there already are less likely",
            &repetition_penalty_);
  flags.Add("presence_penalty", "P", "what each generated token loses", &presence_penalty_);
  flags.Add("frequency_penalty", "P", "what it loses for each time that it was generated",
            &frequency_penalty_);
  flags.Add("penalty_window", "N", "count the last N tokens only for these three; 0 counts all",
            &penalty_window_);
  flags.Add("penalize_prompt", "BOOL",
            "count the prompt's tokens for these three (repetition: true; the others: false)",
            &penalize_prompt_);
  flags.Add("no_repeat_ngram_size", "N", "no N tokens in a row come twice; 0 lets them",
            &no_repeat_ngram_size_);
  flags.Add("dry_multiplier", "M", "above 0: tokens that go on with a repetition are less likely",
            &dry_multiplier_);
  flags.Add("dry_base", "B", "how fast that grows with the repetition's length (1.75)", &dry_base_);
  flags.Add("dry_allowed_length", "N", "shorter repetitions cost nothing (2)",
            &dry_allowed_length_);
  flags.Add("dry_window", "N", "look at the last N tokens only; 0 looks at all", &dry_window_);
  flags.Add("dry_breaker", "TEXT",
            "tokens with this text end a repetition; may be given several times (newline : \" *)",
            &dry_breakers_);
}

void SamplingFlags::AddTokenRulesTo(Flags& flags) {
  flags.BeginGroup("Single tokens and words");
  flags.Add("logit_bias", "ID:BIAS", "add to a token's logit; may be given several times",
            &logit_bias_);
  flags.Add("allowed_token_ids", "ID,...", "choose among these tokens only", &allowed_token_ids_);
  flags.Add("banned_token_ids", "ID,...", "never choose these tokens", &banned_token_ids_);
  flags.Add("banned_word", "TEXT", "never generate this; may be given several times",
            &banned_words_);
}

void SamplingFlags::AddLengthPenaltyTo(Flags& flags) {
  flags.Add("length_penalty", "N:FACTOR",
            "after N tokens the end is more likely with each, by FACTOR", &length_penalty_);
}

absl::Status SamplingFlags::Fill(v1::GenerateRequest& request) const {
  absl::Status status = FillSampling(*request.mutable_sampling());
  status.Update(FillPenalties(*request.mutable_penalties()));
  status.Update(FillTokenRules(*request.mutable_token_rules()));
  if (!status.ok() || !length_penalty_) return status;
  const auto pair = ParsePair(*length_penalty_, "length_penalty", "N:FACTOR, such as 20:1.05");
  if (!pair.ok()) return pair.status();
  request.mutable_stopping()->mutable_length_penalty()->set_start(pair->first);
  request.mutable_stopping()->mutable_length_penalty()->set_factor(pair->second);
  return absl::OkStatus();
}

absl::Status SamplingFlags::FillSampling(v1::SamplingParams& sampling) const {
  if (temperature_) sampling.set_temperature(*temperature_);
  if (top_k_) sampling.set_top_k(*top_k_);
  if (top_p_) sampling.set_top_p(*top_p_);
  if (min_p_) sampling.set_min_p(*min_p_);
  if (typical_p_) sampling.set_typical_p(*typical_p_);
  sampling.set_top_n_sigma(top_n_sigma_);
  if (seed_) sampling.set_seed(*seed_);
  sampling.set_n(n_);
  if (best_of_ > 0) sampling.mutable_best_of()->set_choices(best_of_);
  return FillPerChoice(sampling);
}

absl::Status SamplingFlags::FillPerChoice(v1::SamplingParams& sampling) const {
  for (const std::string& text : choice_temperatures_) {
    float temperature = 0.0F;
    if (!absl::SimpleAtof(text, &temperature)) {
      return absl::InvalidArgumentError(
          absl::StrCat("--choice_temperature: ", Quoted(text), " is not a number"));
    }
    sampling.add_per_choice()->set_temperature(temperature);
  }
  if (n_ == 0 && best_of_ == 0) {
    sampling.set_n(static_cast<std::uint32_t>(choice_temperatures_.size()));
  }
  return absl::OkStatus();
}

absl::Status SamplingFlags::FillPenalties(v1::Penalties& penalties) const {
  if (repetition_penalty_) penalties.set_repetition(*repetition_penalty_);
  penalties.set_presence(presence_penalty_);
  penalties.set_frequency(frequency_penalty_);
  penalties.set_window(penalty_window_);
  if (penalize_prompt_) penalties.set_count_prompt(*penalize_prompt_);
  if (no_repeat_ngram_size_) penalties.set_no_repeat_ngram_size(*no_repeat_ngram_size_);
  v1::Penalties::Dry& dry = *penalties.mutable_dry();
  dry.set_multiplier(dry_multiplier_);
  if (dry_base_) dry.set_base(*dry_base_);
  if (dry_allowed_length_) dry.set_allowed_length(*dry_allowed_length_);
  dry.set_window(dry_window_);
  return AddTexts(dry_breakers_, "dry_breaker", *dry.mutable_breakers());
}

absl::Status SamplingFlags::FillTokenRules(v1::TokenRules& rules) const {
  for (const std::string& text : logit_bias_) {
    const auto pair = ParsePair(text, "logit_bias", "ID:BIAS, such as 50256:-100");
    if (!pair.ok()) return pair.status();
    (*rules.mutable_bias())[pair->first] = pair->second;
  }
  rules.mutable_allowed()->Add(allowed_token_ids_.begin(), allowed_token_ids_.end());
  rules.mutable_banned()->Add(banned_token_ids_.begin(), banned_token_ids_.end());
  return AddTexts(banned_words_, "banned_word", *rules.mutable_banned_words());
}

}  // namespace cascade::cli
