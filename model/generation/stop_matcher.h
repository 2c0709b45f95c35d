// SPDX-License-Identifier: Apache-2.0
// Stop strings in streamed text.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"

namespace cascade::model {

// Takes text in pieces and finds the first position at which a stop string ends, also across
// pieces. Holds back exactly the text that may still become a stop string. Of several stop strings
// that end at the same position, the longest wins (it began first).
//
// Not thread-safe. Cost: linear in the text times the number of strings, whatever the strings are;
// each piece copies the held text once.
class StopMatcher {
 public:
  // `stop` may be empty: then no text is ever held back. REQUIRES: no string is empty.
  explicit StopMatcher(std::vector<std::string> stop);

  struct Result {
    std::string text;                 // text that may be sent now
    std::optional<std::string> stop;  // the string that matched; `text` ends right before it
  };

  // With kPassOver, strings that end within `text` do not match; what begins in it still may.
  // REQUIRES: no match before.
  enum class Matches : std::uint8_t { kStop, kPassOver };
  Result Push(absl::string_view text, Matches matches = Matches::kStop);

  // Call it when the text ends without a match. Returns the text that was held back.
  std::string Flush();

 private:
  struct Pattern {
    std::string text;
    std::vector<std::size_t> failure;  // Knuth-Morris-Pratt
    std::size_t matched = 0;           // bytes matched so far
  };

  // Advances all patterns by one byte. The longest pattern that ends with it; null if none does.
  const Pattern* Advance(char next);

  std::vector<Pattern> patterns_;
  std::string held_;
};

}  // namespace cascade::model
