// SPDX-License-Identifier: Apache-2.0
// Cuts text into words, each of which is merged by itself: GPT-2's pre-tokenization, and others.
#pragma once

#include <memory>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "model/tokenizer/encoding_rules.h"

namespace cascade::model {

// A compiled pattern. Immutable: any number of threads may split at once. Move-only.
class WordPattern {
 public:
  // The pattern of `cut`; without one, GPT-2's words.
  static absl::StatusOr<WordPattern> Compile(Cut cut = Cut::kWords);

  WordPattern(WordPattern&&) noexcept;
  WordPattern& operator=(WordPattern&&) noexcept;
  ~WordPattern();

  // Calls `on_word` with each word of `text` in order; the words together are `text`. Each byte
  // that is not part of valid UTF-8 counts as a character that is neither letter, number nor space.
  //
  // Cost: linear: no alternative of the pattern gives back more than one character, so neither
  // the stack of the compiled code nor any match limit depends on the text.
  // RESOURCE_EXHAUSTED only if memory runs out; `on_word` may have been called by then.
  absl::Status Split(absl::string_view text,
                     absl::FunctionRef<void(absl::string_view)> on_word) const;

 private:
  struct Code;  // PCRE2's
  explicit WordPattern(std::unique_ptr<const Code> code);

  std::unique_ptr<const Code> code_;
};

}  // namespace cascade::model
