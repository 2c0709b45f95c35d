// SPDX-License-Identifier: Apache-2.0
// Greedy choice: checkpoint 10.
#pragma once

#include <span>

#include "model/token.h"

namespace cascade::model {

// The token with the largest logit; the lowest id wins a tie. NaNs are passed over (0 if all are).
// REQUIRES: logits not empty.
TokenId Argmax(std::span<const float> logits);

}  // namespace cascade::model
