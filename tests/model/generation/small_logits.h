// SPDX-License-Identifier: Apache-2.0
// Prompts and logits for the tiny tokenizer, for tests that say which token is the best.
#pragma once

#include <array>
#include <cstddef>
#include <vector>

#include "model/generation/generation_params.h"
#include "model/token.h"

namespace cascade::testing {

inline constexpr std::size_t kVocabSize = 260;  // two ids more than the tokenizer has, as if padded
inline constexpr std::array<model::TokenId, 4> kPrompt = {'t', 'h', 'e', ' '};
inline constexpr std::size_t kContext = 1000;

// Logits of which `first` are the best, in this order.
inline std::vector<float> Prefer(const std::vector<model::TokenId>& first) {
  std::vector<float> logits(kVocabSize, -5.0F);
  float logit = 10.0F;
  for (const model::TokenId token : first) logits[token] = logit--;
  return logits;
}

inline model::GenerationParams Greedy() {
  model::GenerationParams params;
  params.sampling.temperature = 0.0F;
  return params;
}

}  // namespace cascade::testing
