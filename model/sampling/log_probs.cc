// SPDX-License-Identifier: Apache-2.0

#include "model/sampling/log_probs.h"

#include <algorithm>
#include <cassert>

#include "model/kernels/power.h"
#include "model/kernels/reductions.h"
#include "model/sampling/best_tokens.h"

namespace cascade::model {

LogProbs ComputeLogProbs(std::span<const float> logits, TokenId chosen, std::size_t num_candidates,
                         std::span<const TokenId> given) {
  assert(chosen < logits.size());
  const double log_sum = kernels::LogSumExp(logits);
  const auto log_prob = [log_sum](float logit) {
    return static_cast<float>(static_cast<double>(logit) - log_sum);
  };

  std::vector<ScoredToken> best;
  SelectBest(logits, num_candidates, best);
  std::sort(best.begin(), best.end(), Better);

  LogProbs result{.chosen = log_prob(logits[chosen]), .rank = 0, .candidates = {}};
  result.candidates.reserve(best.size());
  for (const ScoredToken& token : best) {
    result.candidates.push_back({token.token, log_prob(token.score)});
  }
  result.given.reserve(given.size());
  for (const TokenId token : given) {
    assert(token < logits.size());
    result.given.push_back({token, log_prob(logits[token])});
  }
  return result;
}

void LogSoftmax(std::span<const float> logits, std::span<float> out) {
  assert(out.size() == logits.size());
  const double log_sum = kernels::LogSumExp(logits);
  std::ranges::transform(logits, out.begin(), [log_sum](float logit) {
    return static_cast<float>(static_cast<double>(logit) - log_sum);
  });
}

double LengthNormalized(double log_prob, std::size_t tokens, double length_penalty) {
  if (tokens == 0) return log_prob;
  return log_prob / kernels::Power(static_cast<double>(tokens), length_penalty);
}

std::size_t RankOf(std::span<const float> logits, TokenId token) {
  assert(token < logits.size());
  const float score = logits[token];
  const auto better =
      std::ranges::count_if(logits.first(token), [score](float s) { return s >= score; }) +
      std::ranges::count_if(logits.subspan(token + 1), [score](float s) { return s > score; });
  return 1 + static_cast<std::size_t>(better);
}

}  // namespace cascade::model
