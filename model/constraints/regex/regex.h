// SPDX-License-Identifier: Apache-2.0
// Regular expressions, as Python's re writes them.
#pragma once

#include <cstdint>
#include <functional>
#include <span>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "model/constraints/grammar.h"

namespace cascade::model {

// How a character of one of these ranges is written. Where the text that the pattern describes is
// written in another form, such as a JSON string with its escapes, this is that form.
using CharacterWriter =
    std::function<Grammar::Expression(std::span<const CodePointRange> ranges, Grammar& grammar)>;

// As UTF-8, which is what Grammar::Characters makes.
Grammar::Expression WriteAsUtf8(std::span<const CodePointRange> ranges, Grammar& grammar);

enum class RegexMatch : std::uint8_t {
  kWhole,      // the whole text matches, as re.fullmatch has it; ^ and $ change nothing
  kSomewhere,  // a part of the text does, as re.search has it, unless ^ or $ says otherwise
};

// Adds the texts that match `pattern` to `grammar`. Reference: Python's re with the flag re.ASCII
// (\d, \w and \s are ASCII's; . is any character but a newline).
//
//   followed: . [] [^] \d \D \w \W \s \S, escapes of characters, | () (?:) (?P<name>) (?#),
//             * + ? {m} {m,} {,n} {m,n} and their lazy forms (the same texts), (?i) and (?s) at
//             the beginning, ^ \A $ \Z at the ends of the pattern or of an alternative of it
//   refused:  look-around, backreferences, \b and \B, possessive and atomic forms, other flags,
//             \p{}, anchors elsewhere, groups nested deeper than 100
//
// INVALID_ARGUMENT names the problem and where it is, counting characters from 1. What is made has
// at most a few nodes for each character of the pattern: counts are not expanded here.
absl::StatusOr<Grammar::Expression> AddRegex(absl::string_view pattern, Grammar& grammar,
                                             RegexMatch match = RegexMatch::kWhole,
                                             const CharacterWriter& write = WriteAsUtf8);

}  // namespace cascade::model
