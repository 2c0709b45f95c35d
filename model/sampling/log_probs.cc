// SPDX-License-Identifier: Apache-2.0

#include "model/sampling/log_probs.h"

#include <algorithm>
#include <cassert>

#include "model/kernels/reductions.h"
#include "model/sampling/best_tokens.h"

namespace cascade::model {

LogProbs ComputeLogProbs(std::span<const float> logits, TokenId chosen,
                         std::size_t num_candidates) {
  assert(chosen < logits.size());
  const double log_sum = kernels::LogSumExp(logits);
  const auto log_prob = [log_sum](float logit) {
    return static_cast<float>(static_cast<double>(logit) - log_sum);
  };

  std::vector<ScoredToken> best;
  SelectBest(logits, num_candidates, best);
  std::sort(best.begin(), best.end(), Better);

  LogProbs result{.chosen = log_prob(logits[chosen]), .candidates = {}};
  result.candidates.reserve(best.size());
  for (const ScoredToken& token : best) {
    result.candidates.push_back({token.token, log_prob(token.score)});
  }
  return result;
}

}  // namespace cascade::model
