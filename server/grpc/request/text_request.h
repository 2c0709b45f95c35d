// SPDX-License-Identifier: Apache-2.0
// A request for text, as every dialect says it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "model/constraints/constraint_spec.h"
#include "model/generation/generation_params.h"
#include "model/processors/processor_params.h"
#include "model/token.h"

namespace cascade::server {

// What a dialect translates its message to. Validation, admission and preparation know nothing
// else. What is left out takes the model's default. Borrows the message's strings and token ids: to
// make one copies neither, so that a refusal costs little.
struct TextRequest {
  absl::string_view request_id;  // empty: one is made

  // The prompt: one of the two.
  std::optional<absl::string_view> text;
  std::optional<std::span<const model::TokenId>> token_ids;
  bool parse_special_tokens = false;  // in `text`: "<|endoftext|>" is the token

  struct Truncation {
    std::optional<std::size_t> max_prompt_tokens;  // left out: what leaves room for the answer
    bool keep_beginning = false;                   // drop tokens from the end, not the beginning
  };
  std::optional<Truncation> truncation;  // left out: a prompt that is too long is refused

  // How tokens are drawn: of one choice, in place of what the request says.
  struct ChoiceSampling {
    std::optional<float> temperature;
    std::optional<std::uint32_t> top_k;
    std::optional<float> top_p;
    std::optional<float> min_p;
    std::optional<float> typical_p;
    std::optional<float> top_n_sigma;
    std::optional<std::uint64_t> seed;  // nothing is added to it
  };

  // What all choices have; top_n_sigma left out: off, whatever the model is; seed left out: a
  // random one.
  struct Sampling : ChoiceSampling {
    std::uint32_t n = 1;                     // choices
    std::uint32_t best_of = 0;               // so many are generated, the n best of them told; 0: n
    bool best_by_total = false;              // log-probability; or by its mean over the tokens
    std::vector<ChoiceSampling> per_choice;  // of the first choices
  } sampling;

  // The tokens that there are of an answer that broke off. Left out or empty: none.
  std::span<const model::TokenId> resumed;
  absl::string_view resumed_fingerprint;  // of the server that it comes from; empty: any

  // Beams instead of sampling. As model::BeamParams.
  struct Beams {
    std::uint32_t width = 0;
    std::optional<float> length_penalty;
    model::BeamParams::EarlyStopping early_stopping = model::BeamParams::EarlyStopping::kHeuristic;
    std::uint32_t groups = 1;
    float diversity_penalty = 0.0F;
  };
  std::optional<Beams> beams;

  struct Dry {
    float multiplier = 0.0F;
    std::optional<float> base;
    std::optional<std::uint32_t> allowed_length;
    std::uint32_t window = 0;
    std::vector<absl::string_view> breakers;  // left out: model::DryParams'
  };

  struct Penalties {
    std::optional<float> repetition;
    float presence = 0.0F;
    float frequency = 0.0F;
    std::uint32_t window = 0;
    std::optional<bool> count_prompt;
    std::optional<std::uint32_t> no_repeat_ngram_size;
    Dry dry;
  } penalties;

  struct TokenRules {
    std::vector<model::TokenBias> bias;
    std::span<const model::TokenId> allowed;
    std::span<const model::TokenId> banned;
    std::vector<absl::string_view> banned_words;
    std::vector<std::span<const model::TokenId>> banned_sequences;
  } token_rules;

  // What the answer's text must be. Borrowed, as the rest.
  struct Constraint {
    model::ConstraintSpec::Kind kind = model::ConstraintSpec::Kind::kRegex;
    absl::string_view text;
    std::vector<absl::string_view> choices;
  };
  std::optional<Constraint> constraint;

  struct Stopping {
    std::optional<std::uint32_t> max_new_tokens;
    std::uint32_t min_new_tokens = 0;
    std::vector<absl::string_view> stop;
    std::span<const model::TokenId> stop_token_ids;
    bool include_stop = false;
    bool ignore_eos = false;
    std::optional<model::LengthPenaltyParams> length_penalty;
    std::optional<absl::Duration> time_limit;  // from the arrival; above 0
  } stopping;

  struct Response {
    bool logprobs = false;
    std::uint32_t candidates = 0;
    std::span<const model::TokenId> candidate_ids;  // candidates beside the most probable ones
    bool ranks = false;
    bool bytes = false;      // of each token; the encoder of the answer adds them
    bool processed = false;  // of generated tokens: the distribution that they were drawn from
    std::optional<std::uint32_t> prompt_logprobs_from;
    bool special_tokens_in_text = false;
    bool echo = false;  // the prompt's text is told
  } response;

  struct Cache {
    absl::string_view salt;
    bool bypass = false;
  } cache;

  int priority = 0;
  std::optional<int> max_priority;  // the caller's own; left out: the server's
  bool speculation = true;

  // What the dialect calls a field of this struct in its errors. The argument is the field's path
  // here, such as "sampling.top_p", "stopping.stop[2]" or "token_ids". Null: the same.
  std::string (*field_name)(absl::string_view path) = nullptr;
};

}  // namespace cascade::server
