// SPDX-License-Identifier: Apache-2.0

#include "model/constraints/token_mask.h"

#include <algorithm>
#include <array>
#include <bit>
#include <utility>

#include "model/processors/exclude.h"

namespace cascade::model {
namespace {

constexpr std::size_t kBits = 64;

// Excludes those of at most 64 logits whose bits are not set; looks at the bits that are set or at
// those that are not, whichever are fewer.
void KeepWord(std::uint64_t word, std::span<float> logits) {
  if (std::popcount(word) * 2 >= static_cast<int>(kBits)) {
    for (std::uint64_t out = ~word; out != 0; out &= out - 1) {
      const auto bit = static_cast<std::size_t>(std::countr_zero(out));
      if (bit < logits.size()) logits[bit] = kExcludedLogit;
    }
    return;
  }
  std::array<float, kBits> kept;
  std::ranges::copy(logits, kept.begin());
  std::ranges::fill(logits, kExcludedLogit);
  for (; word != 0; word &= word - 1) {
    const auto bit = static_cast<std::size_t>(std::countr_zero(word));
    if (bit < logits.size()) logits[bit] = kept[bit];
  }
}

void KeepBits(std::span<const std::uint64_t> bits, std::span<float> logits) {
  for (std::size_t begin = 0; begin < logits.size(); begin += kBits) {
    const std::size_t word = begin / kBits;
    KeepWord(word < bits.size() ? bits[word] : 0,
             logits.subspan(begin, std::min(kBits, logits.size() - begin)));
  }
}

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
    KeepBits(bits_, logits);
  }
  for (const auto& [token, logit] : kept) logits[token] = logit;
}

std::size_t TokenMask::bytes() const {
  return sizeof(*this) + list_.capacity() * sizeof(TokenId) +
         bits_.capacity() * sizeof(std::uint64_t);
}

}  // namespace cascade::model
