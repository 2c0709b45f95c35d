// SPDX-License-Identifier: Apache-2.0
// What is told of a token beside its id, and what logits must be for that.
#pragma once

#include <span>

#include "absl/status/status.h"
#include "model/generation/generation_params.h"
#include "model/sampling/log_probs.h"
#include "model/token.h"

namespace cascade::model {

// INTERNAL, naming the first of the `logits`, [vocab_size], that is not a finite number, if there
// is one: broken weights, or float16 that overflowed.
absl::Status CheckFinite(std::span<const float> logits);

// The log-probability of `token` in the distribution of `logits`, with the candidates and the rank
// that `params` ask for. REQUIRES: `token` and all candidate_ids < logits.size(); the logit of
// `token` is finite; no NaN, no +Inf.
LogProbs LogProbsOf(std::span<const float> logits, TokenId token, const OutputParams& params);

}  // namespace cascade::model
