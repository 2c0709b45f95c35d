// SPDX-License-Identifier: Apache-2.0

#include "model/constraints/token_mask.h"

#include <algorithm>
#include <utility>

#include "model/processors/exclude.h"

namespace cascade::model {
namespace {

constexpr std::size_t kBits = 64;

}  // namespace

TokenMask::TokenMask(std::vector<TokenId> tokens, std::size_t vocab_size) : count_(tokens.size()) {
  const std::size_t words = (vocab_size + kBits - 1) / kBits;
  if (tokens.size() * sizeof(TokenId) <= words * sizeof(std::uint64_t)) {
    list_ = std::move(tokens);
    list_.shrink_to_fit();
    return;
  }
  bits_.assign(words, 0);
  for (const TokenId token : tokens) bits_[token / kBits] |= std::uint64_t{1} << (token % kBits);
}

void TokenMask::Apply(std::span<float> logits, std::span<const TokenId> also) const {
  std::vector<std::pair<TokenId, float>> kept;
  const auto keep = [&](TokenId token) {
    if (token < logits.size()) kept.emplace_back(token, logits[token]);
  };
  std::ranges::for_each(also, keep);
  if (bits_.empty()) {
    std::ranges::for_each(list_, keep);
    std::ranges::fill(logits, kExcludedLogit);
  } else {
    for (std::size_t token = 0; token < logits.size(); ++token) {
      const std::size_t word = token / kBits;
      const bool is_in = word < bits_.size() && ((bits_[word] >> (token % kBits)) & 1) != 0;
      if (!is_in) logits[token] = kExcludedLogit;
    }
  }
  for (const auto& [token, logit] : kept) logits[token] = logit;
}

std::size_t TokenMask::bytes() const {
  return sizeof(*this) + list_.capacity() * sizeof(TokenId) +
         bits_.capacity() * sizeof(std::uint64_t);
}

}  // namespace cascade::model
