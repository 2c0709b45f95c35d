// SPDX-License-Identifier: Apache-2.0
// Finds the tokens that are cut out of a text before it is split into words.
#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <vector>

#include "absl/strings/string_view.h"
#include "model/tokenizer/tokenizer.h"
#include "model/tokenizer/vocabulary.h"

namespace cascade::model {

// One pass over one text. Borrows the text and the tokens.
class AddedTokenScan {
 public:
  struct Match {
    std::size_t begin;
    const AddedToken* token;
  };

  // With SpecialTokens::kAsText only the tokens that are not special are looked for.
  AddedTokenScan(std::span<const AddedToken> tokens, absl::string_view text,
                 SpecialTokens special_tokens);

  // The leftmost match at or after `from`, the longest of those that begin there. `from` must not
  // decrease from call to call. Cost of all calls together: one search of the text for each token.
  std::optional<Match> Next(std::size_t from);

 private:
  absl::string_view text_;
  std::vector<Match> next_;  // of each token looked for, the first one not passed yet
};

}  // namespace cascade::model
