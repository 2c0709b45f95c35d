// SPDX-License-Identifier: Apache-2.0

#include "model/processors/length_penalty.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

#include "absl/strings/str_cat.h"

namespace cascade::model {
namespace {

// Beyond this the end is certain, and a larger power would only become infinite in the end.
constexpr double kMaxPower = 1e30;
constexpr double kMaxLogit = std::numeric_limits<float>::max();

}  // namespace

LengthPenalty::LengthPenalty(const LengthPenaltyParams& params, std::vector<TokenId> eos_token_ids)
    : start_(params.start),
      factor_(static_cast<double>(params.factor)),
      eos_token_ids_(std::move(eos_token_ids)) {}

void LengthPenalty::Process(std::span<float> logits) {
  for (const TokenId token : eos_token_ids_) {
    if (token >= logits.size() || !std::isfinite(logits[token])) continue;
    const double logit = static_cast<double>(logits[token]);
    const double penalty = std::abs(logit) * (power_ - 1.0);
    logits[token] = static_cast<float>(std::min(logit + penalty, kMaxLogit));
  }
}

void LengthPenalty::Accept(TokenId /*token*/) {
  // One product a token: no power function, whose last bits differ between libraries.
  if (++accepted_ > start_) power_ = std::min(power_ * factor_, kMaxPower);
}

std::string LengthPenalty::Describe() const {
  return absl::StrCat("stopping.length_penalty is ", factor_, " from token ", start_, " on");
}

}  // namespace cascade::model
