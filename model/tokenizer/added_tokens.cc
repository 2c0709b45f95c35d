// SPDX-License-Identifier: Apache-2.0

#include "model/tokenizer/added_tokens.h"

namespace cascade::model {

AddedTokenScan::AddedTokenScan(std::span<const AddedToken> tokens, absl::string_view text,
                               SpecialTokens special_tokens)
    : text_(text) {
  for (const AddedToken& token : tokens) {
    if (token.special && special_tokens == SpecialTokens::kAsText) continue;
    const std::size_t begin = text_.find(token.text);
    if (begin != text_.npos) next_.push_back({begin, &token});
  }
}

std::optional<AddedTokenScan::Match> AddedTokenScan::Next(std::size_t from) {
  std::optional<Match> best;
  for (Match& next : next_) {
    if (next.begin < from) next.begin = text_.find(next.token->text, from);
    if (next.begin == text_.npos) continue;
    const bool better =
        !best.has_value() || next.begin < best->begin ||
        (next.begin == best->begin && next.token->text.size() > best->token->text.size());
    if (better) best = next;
  }
  return best;
}

}  // namespace cascade::model
