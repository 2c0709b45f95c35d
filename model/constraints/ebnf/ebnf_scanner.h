// SPDX-License-Identifier: Apache-2.0
// The characters of a grammar's text, with their lines and columns.
#pragma once

#include <cstddef>
#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace cascade::model {

class EbnfScanner {
 public:
  explicit EbnfScanner(std::u32string text) : text_(std::move(text)) {}

  bool AtEnd() const { return next_ == text_.size(); }
  bool StartsWith(absl::string_view ascii) const;
  // Goes past `ascii`, if it comes next.
  bool Skip(absl::string_view ascii);
  // Goes past white space and comments, which begin with # or, for Lark, also with //.
  void SkipSpace(bool slashes_too);
  void SkipLine();
  char32_t Take() { return text_[next_++]; }  // REQUIRES: not AtEnd()
  // Letters, digits, _ and, if `dashes`, -. Empty if none comes.
  std::string TakeName(bool dashes);
  // Decimal, at most a billion. Nothing if none comes.
  std::optional<std::size_t> TakeNumber();
  // The character of an escape, whose backslash was taken. `others`: what else may be escaped, and
  // stands for itself.
  absl::StatusOr<char32_t> TakeEscape(absl::string_view others);
  // What is between quotes, whose first was taken; goes past the last. In UTF-8.
  absl::StatusOr<std::string> TakeQuoted(absl::string_view others);

  std::size_t position() const { return next_; }
  void Return(std::size_t position) { next_ = position; }

  // INVALID_ARGUMENT with the line and column of a position, by default the next.
  absl::Status Error(absl::string_view problem) const { return ErrorAt(next_, problem); }
  absl::Status ErrorAt(std::size_t position, absl::string_view problem) const;
  // `expected` was; then what comes instead.
  absl::Status Expected(absl::string_view expected) const;

 private:
  std::u32string text_;
  std::size_t next_ = 0;
};

}  // namespace cascade::model
