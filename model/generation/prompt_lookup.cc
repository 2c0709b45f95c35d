// SPDX-License-Identifier: Apache-2.0

#include "model/generation/prompt_lookup.h"

#include <algorithm>

namespace cascade::model {
namespace {

constexpr std::size_t kLongestMatch = 3;
constexpr std::size_t kShortestMatch = 2;

// As LookUpDraft, for an occurrence of the last `length` tokens.
std::span<const TokenId> LookUp(std::span<const TokenId> tokens, std::size_t length,
                                std::size_t limit) {
  if (tokens.size() <= length) return {};
  const std::span<const TokenId> last = tokens.last(length);
  std::span<const TokenId> longest;
  for (std::size_t at = tokens.size() - length; at-- > 0 && longest.size() < limit;) {
    if (!std::ranges::equal(tokens.subspan(at, length), last)) continue;
    const std::size_t next = at + length;
    const std::size_t size = std::min(limit, tokens.size() - next);
    if (size > longest.size()) longest = tokens.subspan(next, size);
  }
  return longest;
}

}  // namespace

std::span<const TokenId> LookUpDraft(std::span<const TokenId> tokens, std::size_t limit) {
  for (std::size_t length = kLongestMatch; length >= kShortestMatch; --length) {
    const std::span<const TokenId> draft = LookUp(tokens, length, limit);
    if (!draft.empty()) return draft;
  }
  return {};
}

}  // namespace cascade::model
