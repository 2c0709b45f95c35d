// SPDX-License-Identifier: Apache-2.0
// Finds the best tokens of a vocabulary without sorting it.
#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "model/token.h"

namespace cascade::model {

struct ScoredToken {
  TokenId token = 0;
  float score = 0.0F;
};

// The higher score first; of equal scores the lower id. A strict total order but for NaNs.
inline bool Better(const ScoredToken& a, const ScoredToken& b) {
  return a.score != b.score ? a.score > b.score : a.token < b.token;
}

// Stores the `count` best tokens of `scores`, [vocab_size], in `best`: the worst of them last, the
// others in no order. Skips scores of -Inf and NaN, so there may be fewer.
//
// Cost: one pass over `scores`, and few steps more while count is small beside vocab_size. `best`
// is scratch that grows to 2 * count; no other allocation.
void SelectBest(std::span<const float> scores, std::size_t count, std::vector<ScoredToken>& best);

}  // namespace cascade::model
