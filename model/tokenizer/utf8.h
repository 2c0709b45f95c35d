// SPDX-License-Identifier: Apache-2.0
// Splits arbitrary bytes into UTF-8 characters and bytes that are not part of one.
#pragma once

#include <cstddef>
#include <cstdint>

#include "absl/strings/string_view.h"

namespace cascade::model {

enum class Utf8Kind : std::uint8_t {
  kCharacter,   // one well-formed character
  kIllFormed,   // the longest beginning of a character that cannot be completed, or one stray byte
  kIncomplete,  // the text ends inside a character that more bytes could complete
};

struct Utf8Piece {
  Utf8Kind kind;
  std::size_t length;  // 1 to 4 bytes
};

// The piece at the beginning of `bytes`, which must not be empty. Well-formed is meant as in table
// 3-7 of the Unicode Standard: no overlong forms, no surrogates, nothing above U+10FFFF. An
// ill-formed piece is a maximal subpart (Unicode 15, section 3.9).
Utf8Piece FirstUtf8Piece(absl::string_view bytes);

// The number of bytes at the beginning of `bytes` that are ASCII. Reads eight bytes at a time.
std::size_t AsciiPrefixLength(absl::string_view bytes);

}  // namespace cascade::model
