// SPDX-License-Identifier: Apache-2.0
// How often each of the last tokens of a sequence is there.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>

#include "absl/container/flat_hash_map.h"
#include "model/token.h"

namespace cascade::model {

// Counts the tokens that were added, or the last `window` of them. Not thread-safe.
class TokenCounts {
 public:
  // `window` in tokens; 0: all.
  explicit TokenCounts(std::size_t window) : window_(window) {}

  void Add(TokenId token);

  // The tokens that are there, each with how often: above 0. In no order.
  const absl::flat_hash_map<TokenId, std::uint32_t>& counts() const { return counts_; }

 private:
  std::size_t window_;
  std::deque<TokenId> tokens_;  // those in the window, the oldest first; empty without a window
  absl::flat_hash_map<TokenId, std::uint32_t> counts_;
};

}  // namespace cascade::model
