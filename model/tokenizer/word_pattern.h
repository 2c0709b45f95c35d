// SPDX-License-Identifier: Apache-2.0
// Cuts text into the words that are merged one by one: GPT-2's pre-tokenization.
#pragma once

#include <memory>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace cascade::model {

// The compiled pattern. Immutable: any number of threads may split at once. Move-only.
class WordPattern {
 public:
  static absl::StatusOr<WordPattern> Compile();

  WordPattern(WordPattern&&) noexcept;
  WordPattern& operator=(WordPattern&&) noexcept;
  ~WordPattern();

  // Calls `on_word` with one word after the other; together they are `text`. Bytes that are not
  // UTF-8 each count as a character that is neither letter, number nor space.
  //
  // Cost: linear: no alternative of the pattern gives back more than one character, so neither
  // the stack of the compiled code nor any match limit depends on the text.
  // RESOURCE_EXHAUSTED only if there is no memory; words may have been reported by then.
  absl::Status Split(absl::string_view text,
                     absl::FunctionRef<void(absl::string_view)> on_word) const;

 private:
  struct Code;  // PCRE2's
  explicit WordPattern(std::unique_ptr<const Code> code);

  std::unique_ptr<const Code> code_;
};

}  // namespace cascade::model
