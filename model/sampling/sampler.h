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

// Chooses the tokens of one sequence.
//
// Greedy below temperature 1e-6. Else, in Hugging Face's order: divide by the temperature, top-k
// (ties with the k-th are kept), top-p, min-p, typical-p, each on what the one before left; before
// them top-n-sigma, which Hugging Face lacks. Then renormalise, and draw token t with the number
// UniformAt(seed, position) on the cumulative distribution in order of id. The result is a
// pure function of (params, position, logits).
//
// Keeps scratch between calls; not thread-safe.
class Sampler {
 public:
  explicit Sampler(const SamplingParams& params) : params_(params) {}

  // The token for `position` (the prompt's first token is position 0) from its logits,
  // [vocab_size], which it may overwrite. -Inf excludes a token; at least one logit must be finite.
  TokenId Sample(std::span<float> logits, std::uint64_t position);

  // As Sample, and leaves in `logits` those of the distribution that the token was drawn from:
  // (logit - the largest) / temperature, and -Inf for a token that was cut or is too improbable to
  // be drawn. Greedy: leaves them as they are.
  TokenId SampleAndCut(std::span<float> logits, std::uint64_t position);

  // Writes the distribution that Sample draws from, [vocab_size]: probabilities, 0 for tokens that
  // were cut. `out` may be exactly `logits`. REQUIRES: not greedy.
  void Probabilities(std::span<const float> logits, std::span<float> out);

 private:
  SamplingParams params_;
  std::vector<ScoredToken> scratch_;
  std::vector<float> distances_;      // scratch of typical-p
  std::vector<float> probabilities_;  // scratch of SampleAndCut
};

}  // namespace cascade::model
