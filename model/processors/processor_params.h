// SPDX-License-Identifier: Apache-2.0
// What a request may ask of the logits. Complete: defaults were filled in before. Every field's
// default is "off".
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "model/token.h"

namespace cascade::model {

struct TokenBias {
  TokenId token = 0;
  float bias = 0.0F;
};

// Which tokens are more or less likely, or not to be had at all.
struct TokenRules {
  std::vector<TokenBias> bias;   // added to the logits; a token at most once
  std::vector<TokenId> allowed;  // no others; empty: all
  std::vector<TokenId> banned;
  std::vector<std::vector<TokenId>> banned_sequences;  // none of them comes whole; none is empty
};

// "Don't repeat yourself": a token that would make the text's end longer than something that came
// before costs multiplier * base^(length of the match - allowed_length).
struct DryParams {
  float multiplier = 0.0F;         // 0: off
  float base = 1.75F;              // at least 1
  std::size_t allowed_length = 2;  // tokens; at least 1: shorter matches cost nothing
  std::size_t window = 0;          // the last tokens that are looked at; 0: all

  // A token whose bytes have one of these ends every match, and is never made less likely.
  std::vector<std::string> breakers = {"\n", ":", "\"", "*"};
};

// What makes tokens less likely that were there before.
struct PenaltyParams {
  float repetition = 1.0F;  // above 0; a positive logit is divided by it, a negative one multiplied
  float presence = 0.0F;    // subtracted from the logits of tokens that are there
  float frequency = 0.0F;   // subtracted for each time that a token is there
  std::size_t window = 0;   // the last tokens that count for these three; 0: all
  bool repetition_counts_prompt = true;
  bool presence_and_frequency_count_prompt = false;
  std::size_t no_repeat_ngram_size = 0;  // no n-gram of this length twice; 0: off
  DryParams dry = {};
};

// After `start` generated tokens, each further one makes the end more likely: the logit of every
// eos token grows by its own size times (factor^tokens - 1).
struct LengthPenaltyParams {
  std::size_t start = 0;  // generated tokens
  float factor = 1.0F;    // at least 1; 1: off
};

}  // namespace cascade::model
