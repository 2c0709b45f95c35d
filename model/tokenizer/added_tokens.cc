// SPDX-License-Identifier: Apache-2.0

#include "model/tokenizer/added_tokens.h"

#include <algorithm>

#include "model/reserve.h"
#include "model/tokenizer/characters.h"

namespace cascade::model {

AddedTokens::AddedTokens(std::span<const AddedToken> tokens, bool normalized,
                         absl::FunctionRef<std::string(const AddedToken&)> text_of)
    : nodes_(1) {
  std::size_t bytes = 0;
  for (const AddedToken& token : tokens) bytes += token.text.size();
  Reserve(bytes, edges_);
  for (const AddedToken& token : tokens) {
    if (token.normalized == normalized) Insert(text_of(token), token);
  }
}

void AddedTokens::Insert(const std::string& text, const AddedToken& token) {
  if (text.empty()) return;
  std::uint32_t node = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    std::uint32_t& next =
        i == 0 ? first_[static_cast<unsigned char>(text[0])] : edges_[Edge(node, text[i])];
    if (next == 0) {
      next = static_cast<std::uint32_t>(nodes_.size());
      nodes_.push_back(nullptr);
    }
    node = next;
  }
  nodes_[node] = &token;  // of tokens that are normalized to the same text, the last counts
}

const AddedToken* AddedTokens::LongestAt(absl::string_view text, std::size_t begin,
                                         SpecialTokens special_tokens, std::size_t& end) const {
  const AddedToken* longest = nullptr;
  std::uint32_t node = first_[static_cast<unsigned char>(text[begin])];
  for (std::size_t i = begin + 1; node != 0; ++i) {
    const AddedToken* token = nodes_[node];
    if (token != nullptr && !(token->special && special_tokens == SpecialTokens::kAsText)) {
      longest = token;
      end = i;
    }
    if (i == text.size()) break;
    const auto next = edges_.find(Edge(node, text[i]));
    node = next == edges_.end() ? 0 : next->second;
  }
  return longest;
}

std::optional<AddedTokens::Match> AddedTokens::Next(absl::string_view text, std::size_t from,
                                                    SpecialTokens special_tokens) const {
  for (std::size_t begin = from; begin < text.size(); ++begin) {
    if (first_[static_cast<unsigned char>(text[begin])] == 0) continue;
    std::size_t end = begin;
    const AddedToken* token = LongestAt(text, begin, special_tokens, end);
    if (token == nullptr) continue;
    const bool is_apart = !token->single_word || (!EndsWithWordCharacter(text.substr(0, begin)) &&
                                                  !BeginsWithWordCharacter(text.substr(end)));
    if (is_apart) return Match{begin, end, token};
    begin = end - 1;  // as Hugging Face: no shorter token is looked for here
  }
  return std::nullopt;
}

absl::Status AddedTokens::Cut(absl::string_view text, SpecialTokens special_tokens,
                              absl::FunctionRef<absl::Status(absl::string_view)> on_text,
                              absl::FunctionRef<void(const AddedToken&)> on_token) const {
  std::size_t done = 0;
  for (std::size_t from = 0; from < text.size();) {
    std::optional<Match> match = Next(text, from, special_tokens);
    if (!match.has_value()) break;
    from = match->end;
    if (match->token->lstrip) {
      if (match->end <= done) continue;
      match->begin -= TrailingWhiteSpace(text.substr(0, match->begin));
    }
    if (match->token->rstrip) match->end += LeadingWhiteSpace(text.substr(match->end));
    if (done < match->begin) {
      absl::Status status = on_text(text.substr(done, match->begin - done));
      if (!status.ok()) return status;
    }
    on_token(*match->token);
    done = match->end;
  }
  return done < text.size() ? on_text(text.substr(done)) : absl::OkStatus();
}

}  // namespace cascade::model
