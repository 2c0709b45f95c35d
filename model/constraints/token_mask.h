// SPDX-License-Identifier: Apache-2.0
// A set of tokens that may come next.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "model/token.h"

namespace cascade::model {

// Few tokens are kept as a list, many as bits. Immutable.
class TokenMask {
 public:
  TokenMask() = default;  // none

  // `tokens` in any order, each once, all below `vocab_size`.
  TokenMask(std::vector<TokenId> tokens, std::size_t vocab_size);

  bool empty() const { return count_ == 0; }
  std::size_t size() const { return count_; }

  // Excludes all other tokens from `logits`, [vocab_size]. `also` are kept too: logits of those
  // that were excluded before stay so.
  void Apply(std::span<float> logits, std::span<const TokenId> also) const;

  std::size_t bytes() const;  // of memory

 private:
  std::size_t count_ = 0;
  std::vector<TokenId> list_;        // if they are few
  std::vector<std::uint64_t> bits_;  // if they are many
};

}  // namespace cascade::model
