// SPDX-License-Identifier: Apache-2.0
// Log-probabilities of the distribution that logits stand for: the model's own, if they are raw.
#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <vector>

#include "model/token.h"

namespace cascade::model {

struct TokenLogProb {
  TokenId token = 0;
  float log_prob = 0.0F;

  friend bool operator==(const TokenLogProb&, const TokenLogProb&) = default;
};

struct LogProbs {
  float chosen = 0.0F;   // of the chosen token
  std::size_t rank = 0;  // its place among all tokens, the best being 1; 0: not told
  std::vector<TokenLogProb> candidates;  // the most probable, best first; ties by lowest id

  std::vector<TokenLogProb> given = {};  // the tokens that were asked about, in that order

  // Of the chosen token in the model's own distribution, where `chosen` is that in another.
  std::optional<float> raw = {};
};

// log softmax(logits)[chosen], and the `num_candidates` most probable tokens; fewer where fewer
// have a logit above -Inf. Also of the tokens `given`. Without the rank. REQUIRES: chosen and each
// of `given` < logits.size(), no NaN or +Inf, and not -Inf alone.
LogProbs ComputeLogProbs(std::span<const float> logits, TokenId chosen, std::size_t num_candidates,
                         std::span<const TokenId> given = {});

// log softmax(logits) of all tokens, [vocab_size], rounded to float. REQUIRES: out.size() ==
// logits.size(); no NaN or +Inf.
void LogSoftmax(std::span<const float> logits, std::span<float> out);

// log_prob / tokens^length_penalty: how answers of different lengths are compared. `log_prob`
// itself for no tokens. The same bits on every machine. REQUIRES: |length_penalty| <= 40.
double LengthNormalized(double log_prob, std::size_t tokens, double length_penalty);

// The place of `token` among all tokens, the best being 1; of equal ones the lowest id is better.
// REQUIRES: token < logits.size(), no NaN.
std::size_t RankOf(std::span<const float> logits, TokenId token);

}  // namespace cascade::model
