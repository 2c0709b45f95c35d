// SPDX-License-Identifier: Apache-2.0
// Reads a regular expression's characters, escapes and classes.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "model/constraints/grammar.h"

namespace cascade::model {

using CharacterSet = std::vector<CodePointRange>;

// The pattern and how far it was read. Not thread-safe.
class RegexScanner {
 public:
  explicit RegexScanner(std::u32string pattern) : pattern_(std::move(pattern)) {}

  bool AtEnd() const { return next_ == pattern_.size(); }
  bool StartsWith(absl::string_view ascii) const;
  bool Skip(absl::string_view ascii);  // skips it if it comes next
  char32_t Take() { return pattern_[next_++]; }
  std::size_t position() const { return next_; }
  void Return(std::size_t position) { next_ = position; }  // back to where position() was

  // Decimal digits; nothing if there are none. What exceeds 10^9 is 10^9.
  std::optional<std::size_t> TakeNumber();

  // What a backslash, which was taken, and the characters after it stand for.
  absl::StatusOr<CharacterSet> TakeEscape();

  // A class, whose '[' was taken, up to and with its ']'.
  absl::StatusOr<CharacterSet> TakeClass(bool ignore_case);

  // INVALID_ARGUMENT, with the place of what was taken last.
  absl::Status Error(absl::string_view problem) const;

 private:
  // A character of a class, or a range of them: adds it to `set`.
  absl::Status TakeClassItem(CharacterSet& set);
  absl::StatusOr<CharacterSet> TakeClassMember();
  absl::StatusOr<char32_t> TakeHex(std::size_t digits);

  std::u32string pattern_;
  std::size_t next_ = 0;
};

// `set` with each ASCII letter in both cases.
CharacterSet WithBothCases(CharacterSet set);

}  // namespace cascade::model
