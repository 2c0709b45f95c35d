#include "model/generation/prompt_lookup.h"

#include <algorithm>

namespace cascade::model {
namespace {

constexpr std::size_t kLongestMatch = 3;
constexpr std::size_t kShortestMatch = 2;

}  // namespace

std::span<const TokenId> LookUpDraft(std::span<const TokenId> tokens, std::size_t limit) {
  for (std::size_t length = kLongestMatch; length >= kShortestMatch; --length) {
    if (tokens.size() <= length) continue;
    const std::span<const TokenId> last = tokens.last(length);
    for (std::size_t at = tokens.size() - length; at-- > 0;) {
      if (!std::ranges::equal(tokens.subspan(at, length), last)) continue;
      const std::size_t next = at + length;
      return tokens.subspan(next, std::min(limit, tokens.size() - next));
    }
  }
  return {};
}

}  // namespace cascade::model
