// SPDX-License-Identifier: Apache-2.0
// From logits to a token: checkpoints 10 and 11.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "model/sampling/best_tokens.h"
#include "model/sampling/sampling_params.h"
#include "model/token.h"

namespace cascade::model {

// Chooses the tokens of one sequence (choice `choice` of its request).
//
// Greedy below temperature 1e-6. Else, in Hugging Face's order: divide by the temperature, top-k
// (ties with the k-th are kept), top-p, min-p, renormalise, and draw token t with the number
// UniformAt(seed, choice, position) on the cumulative distribution in order of id. The result is a
// pure function of (params, choice, position, logits).
//
// Keeps scratch between calls; not thread-safe.
class Sampler {
 public:
  Sampler(const SamplingParams& params, std::uint32_t choice) : params_(params), choice_(choice) {}

  // The token for `position` (the prompt's first token is position 0) from its logits,
  // [vocab_size], which it may overwrite. -Inf excludes a token; at least one logit must be finite.
  TokenId Sample(std::span<float> logits, std::uint64_t position);

  // Writes the distribution that Sample draws from, [vocab_size]: probabilities, 0 for tokens that
  // were cut. `out` may be exactly `logits`. REQUIRES: not greedy.
  void Probabilities(std::span<const float> logits, std::span<float> out);

 private:
  SamplingParams params_;
  std::uint32_t choice_;
  std::vector<ScoredToken> scratch_;
};

}  // namespace cascade::model
