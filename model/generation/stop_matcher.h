// SPDX-License-Identifier: Apache-2.0
// Stop strings in streamed text.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"

namespace cascade::model {

// Takes text in pieces and finds the first place where one of the stop strings ends, also across
// pieces. Text that may still be the beginning of a stop string is held back, and no more than
// that. Of several that end at the same place the longest wins (it began first).
//
// Not thread-safe. Cost: linear in the text times the number of strings, whatever they are; and
// each piece moves what is held once.
class StopMatcher {
 public:
  // `stop` may be empty: then nothing is ever held.
  explicit StopMatcher(std::vector<std::string> stop);

  struct Result {
    std::string text;                 // may be sent now
    std::optional<std::string> stop;  // the string that matched; `text` ends right before it
  };

  // After a match, further calls are not allowed.
  Result Push(absl::string_view text);

  // The text ended without a match: what was held back.
  std::string Flush();

 private:
  struct Pattern {
    std::string text;
    std::vector<std::size_t> failure;  // Knuth-Morris-Pratt
    std::size_t matched = 0;           // bytes matched so far
  };

  // Takes one byte. The longest pattern that ends with it, if any does.
  const Pattern* Advance(char next);

  std::vector<Pattern> patterns_;
  std::string held_;
};

}  // namespace cascade::model
