// SPDX-License-Identifier: Apache-2.0
// Cuts a text into the words that are merged, by a tokenizer's rules.
#pragma once

#include <cstddef>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "model/tokenizer/encoding_rules.h"
#include "model/tokenizer/word_pattern.h"

namespace cascade::model {

// Immutable; const calls from any thread. Move-only.
class TextSplitter {
 public:
  using OnWord = absl::FunctionRef<void(absl::string_view)>;

  // For the cuts, the prefix space and the words of `rules`. Errors as of WordPattern::Compile.
  static absl::StatusOr<TextSplitter> Create(const EncodingRules& rules);

  // Calls `on_word` with each word of `text` in order; a view of it is valid during the call. The
  // words together are `text` and the spaces that the rules add. Errors as of WordPattern::Split.
  absl::Status Split(absl::string_view text, OnWord on_word) const;

 private:
  TextSplitter() = default;

  // Makes the cuts from `cut` on, then the words.
  absl::Status SplitFrom(std::size_t cut, absl::string_view text, OnWord on_word) const;

  std::vector<WordPattern> patterns_;  // of the cuts, then of the words if they are cut
  std::size_t cuts_ = 0;
  bool add_prefix_space_ = false;
};

}  // namespace cascade::model
