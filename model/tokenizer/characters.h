// SPDX-License-Identifier: Apache-2.0
// What the characters at the ends of a text are. Bytes that are not UTF-8 are neither white space
// nor part of a word.
#pragma once

#include <cstddef>

#include "absl/strings/string_view.h"

namespace cascade::model {

// The bytes of white space (Unicode's White_Space) at the begin or end of `text`.
std::size_t LeadingWhiteSpace(absl::string_view text);
std::size_t TrailingWhiteSpace(absl::string_view text);

// Whether the first or last character is a letter, a mark, a digit or a connector such as the
// underscore: what \w is in Rust's regular expressions. False of an empty text.
bool BeginsWithWordCharacter(absl::string_view text);
bool EndsWithWordCharacter(absl::string_view text);

}  // namespace cascade::model
