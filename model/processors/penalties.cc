// SPDX-License-Identifier: Apache-2.0

#include "model/processors/penalties.h"

#include <algorithm>
#include <limits>

#include "absl/strings/str_cat.h"

namespace cascade::model {
namespace {

TokenCounts Counts(const PenaltyParams& params, bool with_prompt, std::span<const TokenId> prompt) {
  TokenCounts counts(params.window);
  if (with_prompt) {
    for (const TokenId token : prompt) counts.Add(token);
  }
  return counts;
}

}  // namespace

RepetitionPenalty::RepetitionPenalty(const PenaltyParams& params, std::span<const TokenId> prompt)
    : penalty_(params.repetition),
      counts_(Counts(params, params.repetition_counts_prompt, prompt)) {}

void RepetitionPenalty::Process(std::span<float> logits) {
  for (const auto& [token, count] : counts_.counts()) {
    if (token >= logits.size()) continue;
    const float logit = logits[token];
    const float penalized = logit < 0.0F ? logit * penalty_ : logit / penalty_;
    logits[token] = std::min(penalized, std::numeric_limits<float>::max());
  }
}

std::string RepetitionPenalty::Describe() const {
  return absl::StrCat("penalties.repetition is ", penalty_);
}

PresenceAndFrequencyPenalty::PresenceAndFrequencyPenalty(const PenaltyParams& params,
                                                         std::span<const TokenId> prompt)
    : presence_(params.presence),
      frequency_(params.frequency),
      counts_(Counts(params, params.presence_and_frequency_count_prompt, prompt)) {}

void PresenceAndFrequencyPenalty::Process(std::span<float> logits) {
  for (const auto& [token, count] : counts_.counts()) {
    if (token >= logits.size()) continue;
    const float penalized = logits[token] - frequency_ * static_cast<float>(count) - presence_;
    logits[token] = std::min(penalized, std::numeric_limits<float>::max());
  }
}

std::string PresenceAndFrequencyPenalty::Describe() const {
  return absl::StrCat("penalties.presence is ", presence_, " and frequency ", frequency_);
}

}  // namespace cascade::model
