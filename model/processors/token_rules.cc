// SPDX-License-Identifier: Apache-2.0

#include "model/processors/token_rules.h"

#include <algorithm>
#include <cstddef>
#include <limits>

#include "absl/strings/str_cat.h"
#include "model/processors/exclude.h"

namespace cascade::model {

void LogitBias::Process(std::span<float> logits) {
  for (const TokenBias& each : bias_) {
    if (each.token >= logits.size()) continue;
    const float sum = logits[each.token] + each.bias;
    logits[each.token] = std::min(sum, std::numeric_limits<float>::max());
  }
}

std::string LogitBias::Describe() const {
  return absl::StrCat("token_rules.bias changes ", bias_.size(), " tokens");
}

AllowedTokens::AllowedTokens(std::vector<TokenId> allowed) : allowed_(std::move(allowed)) {
  if (!std::ranges::is_sorted(allowed_)) std::ranges::sort(allowed_);
  allowed_.erase(std::unique(allowed_.begin(), allowed_.end()), allowed_.end());
}

void AllowedTokens::Process(std::span<float> logits) {
  std::size_t next = 0;
  for (const TokenId token : allowed_) {
    if (token >= logits.size()) break;
    std::ranges::fill(logits.subspan(next, token - next), kExcludedLogit);
    next = token + 1;
  }
  std::ranges::fill(logits.subspan(next), kExcludedLogit);
}

std::string AllowedTokens::Describe() const {
  return absl::StrCat("token_rules.allowed excludes all but ", allowed_.size(), " tokens");
}

void BannedTokens::Process(std::span<float> logits) {
  for (const TokenId token : banned_) Exclude(token, logits);
}

std::string BannedTokens::Describe() const {
  return absl::StrCat("token_rules.banned excludes ", banned_.size(), " tokens");
}

}  // namespace cascade::model
