// SPDX-License-Identifier: Apache-2.0

#include "model/processors/token_counts.h"

namespace cascade::model {

void TokenCounts::Add(TokenId token) {
  ++counts_[token];
  if (window_ == 0) return;
  tokens_.push_back(token);
  if (tokens_.size() <= window_) return;
  const auto oldest = counts_.find(tokens_.front());
  if (--oldest->second == 0) counts_.erase(oldest);
  tokens_.pop_front();
}

}  // namespace cascade::model
