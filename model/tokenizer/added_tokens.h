// SPDX-License-Identifier: Apache-2.0
// Finds the added tokens, such as <|endoftext|>, which are cut out of a text before it is split
// into words.
#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <vector>

#include "absl/strings/string_view.h"
#include "model/tokenizer/tokenizer.h"
#include "model/tokenizer/vocabulary.h"

namespace cascade::model {

// One pass over one text. Borrows the text and the tokens; not thread-safe.
class AddedTokenScan {
 public:
  struct Match {
    std::size_t begin;
    const AddedToken* token;
  };

  // With SpecialTokens::kAsText the scan passes over special tokens.
  AddedTokenScan(std::span<const AddedToken> tokens, absl::string_view text,
                 SpecialTokens special_tokens);

  // The leftmost match at or after `from`; of several that begin there, the longest. REQUIRES:
  // `from` is at least that of the call before. Cost of all calls together: one search of the text
  // for each token.
  std::optional<Match> Next(std::size_t from);

 private:
  absl::string_view text_;
  std::vector<Match> next_;  // for each token that is searched, its first match not passed yet
};

}  // namespace cascade::model
