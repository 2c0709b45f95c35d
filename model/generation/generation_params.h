// SPDX-License-Identifier: Apache-2.0
// The parameters of one request's generation. Complete: defaults were filled in before.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "model/processors/processor_params.h"
#include "model/sampling/sampling_params.h"
#include "model/token.h"

namespace cascade::model {

struct StoppingParams {
  std::size_t max_new_tokens = 128;    // at least 1
  std::size_t min_new_tokens = 0;      // before this many, only the limits end a generation
  std::vector<TokenId> eos_token_ids;  // empty: none ends a generation (ignore_eos)
  std::vector<TokenId> stop_token_ids;
  std::vector<std::string> stop;  // non-empty UTF-8 strings
  bool include_stop = false;      // keep a matched stop string in the text
  LengthPenaltyParams length_penalty;
};

struct OutputParams {
  bool logprobs = false;
  std::size_t candidates = 0;  // with each log-probability: the most probable tokens
  bool ranks = false;          // and the token's place among all
  // The prompt's tokens too, from this index on: the log-probability of each after those before it.
  // The first token has none.
  std::optional<std::size_t> prompt_logprobs_from = {};
  bool special_tokens_in_text = false;
};

class Constraint;

struct GenerationParams {
  // What the text must be; null: anything. Its vocabulary is that of the tokenizer.
  std::shared_ptr<Constraint> constraint;
  TokenRules tokens;
  PenaltyParams penalties;
  SamplingParams sampling;
  StoppingParams stopping;
  OutputParams output;
};

}  // namespace cascade::model
