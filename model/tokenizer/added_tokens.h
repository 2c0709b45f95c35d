// SPDX-License-Identifier: Apache-2.0
// Finds the added tokens, such as <|endoftext|>, which are cut out of a text before it is split
// into words.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "model/tokenizer/tokenizer.h"
#include "model/tokenizer/vocabulary.h"

namespace cascade::model {

// The added tokens as a tree of their bytes, so that one pass over a text finds them all, however
// many there are. Immutable; const calls from any thread.
//
// Reference: tokenizers, AddedVocabulary (find_matches), with a leftmost-longest search.
class AddedTokens {
 public:
  struct Match {
    std::size_t begin;  // white space that the token takes along included
    std::size_t end;
    const AddedToken* token;
  };

  // Finds those of `tokens` whose `normalized` is `normalized`, by their `text_of(token)`. Borrows
  // the tokens.
  AddedTokens(std::span<const AddedToken> tokens, bool normalized,
              absl::FunctionRef<std::string(const AddedToken&)> text_of);

  bool empty() const { return nodes_.size() == 1; }

  // Cuts `text`: calls `on_text` with each piece between matches that is not empty, and `on_token`
  // with each match, in order. A match is the leftmost, and of several that begin there the
  // longest. White space that a match took along may be part of the next match too, as in
  // `tokenizers`, unless that takes white space before it along and is nothing but white space.
  // With SpecialTokens::kAsText special tokens are text.
  //
  // Stops at the first error of `on_text` and returns it. Cost: linear in the text, whatever the
  // number of tokens; for tokens that begin like the text again and again ("aaaab" in a text of
  // a's) up to the text's bytes times those of the longest token.
  absl::Status Cut(absl::string_view text, SpecialTokens special_tokens,
                   absl::FunctionRef<absl::Status(absl::string_view)> on_text,
                   absl::FunctionRef<void(const AddedToken&)> on_token) const;

 private:
  static std::uint64_t Edge(std::uint32_t node, char byte) {
    return std::uint64_t{node} << 8 | static_cast<unsigned char>(byte);
  }

  void Insert(const std::string& text, const AddedToken& token);

  // The longest token that begins at `begin`, or null.
  const AddedToken* LongestAt(absl::string_view text, std::size_t begin,
                              SpecialTokens special_tokens, std::size_t& end) const;

  // The leftmost match at or after `from`.
  std::optional<Match> Next(absl::string_view text, std::size_t from,
                            SpecialTokens special_tokens) const;

  std::array<std::uint32_t, 256> first_{};  // the node of each first byte; 0: no token begins so
  // For each beginning of some tokens, the token that ends there, or null. [0] is the empty one.
  std::vector<const AddedToken*> nodes_;
  absl::flat_hash_map<std::uint64_t, std::uint32_t> edges_;  // by Edge, for longer beginnings
};

}  // namespace cascade::model
