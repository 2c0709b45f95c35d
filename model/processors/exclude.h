// SPDX-License-Identifier: Apache-2.0
// How a logit processor excludes a token.
#pragma once

#include <limits>
#include <span>

#include "model/token.h"

namespace cascade::model {

inline constexpr float kExcludedLogit = -std::numeric_limits<float>::infinity();

// Excludes `token` from `logits`, [vocab_size]. An id that the vocabulary lacks is passed over.
inline void Exclude(TokenId token, std::span<float> logits) {
  if (token < logits.size()) logits[token] = kExcludedLogit;
}

}  // namespace cascade::model
