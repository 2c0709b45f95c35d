// SPDX-License-Identifier: Apache-2.0

#include "model/generation/token_log_probs.h"

#include <algorithm>
#include <cmath>

#include "absl/strings/str_cat.h"

namespace cascade::model {
namespace {

bool IsFinite(float logit) { return std::isfinite(logit); }

}  // namespace

absl::Status CheckFinite(std::span<const float> logits) {
  const auto bad = std::find_if_not(logits.begin(), logits.end(), IsFinite);
  if (bad == logits.end()) return absl::OkStatus();
  return absl::InternalError(absl::StrCat(
      "the model's logit of token ", bad - logits.begin(), " is ", *bad,
      ", not a finite number: its weights are broken, or a value was beyond the range of float16 ",
      "weights or of a float16 KV cache, which bf16 and f32 do not have"));
}

LogProbs LogProbsOf(std::span<const float> logits, TokenId token, const OutputParams& params) {
  LogProbs log_probs = ComputeLogProbs(logits, token, params.candidates, params.candidate_ids);
  if (params.ranks) log_probs.rank = RankOf(logits, token);
  return log_probs;
}

}  // namespace cascade::model
