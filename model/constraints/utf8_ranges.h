// SPDX-License-Identifier: Apache-2.0
// Ranges of Unicode characters as sequences of byte ranges in UTF-8.
#pragma once

#include <span>
#include <vector>

#include "model/constraints/grammar.h"

namespace cascade::model {

// One to four bytes, each one of a set; every combination is a character.
using Utf8Sequence = std::vector<ByteSet>;

// The ranges that `ranges` cover, ascending, none touching the next, without surrogates and what is
// beyond kLastCodePoint.
std::vector<CodePointRange> Normalized(std::span<const CodePointRange> ranges);

// All characters that `ranges` do not cover, as Normalized gives them.
std::vector<CodePointRange> Complement(std::span<const CodePointRange> ranges);

// Sequences that together are exactly the characters of `ranges`, each character once. All
// one-byte characters are one sequence. Source: RFC 3629, section 4.
std::vector<Utf8Sequence> Utf8Sequences(std::span<const CodePointRange> ranges);

}  // namespace cascade::model
