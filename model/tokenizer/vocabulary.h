// SPDX-License-Identifier: Apache-2.0
// The tokens and merges of a byte-level BPE tokenizer. The parsers (vocabulary_files.h,
// tokenizer_json.h) check everything that the comments below say, so users of a Vocabulary need
// not.
#pragma once

#include <array>
#include <cstddef>
#include <limits>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "model/token.h"

namespace cascade::model {

// "`left` followed by `right` becomes `whole`", whose bytes are those of both.
struct Merge {
  TokenId left;
  TokenId right;
  TokenId whole;
};

// A token that is cut out of the text before anything is merged. The flags are Hugging Face's
// (tokenizers, AddedToken).
struct AddedToken {
  std::string text;  // never empty
  TokenId id;
  bool special;              // false: cut out even with SpecialTokens::kAsText
  bool single_word = false;  // cut out only where no letter, digit or underscore stands beside it
  bool lstrip = false;       // takes the white space before it along
  bool rstrip = false;       // takes the white space after it along
  bool normalized = false;   // looked for in the normalized text, after those that are not
};

// Where a byte, or something else, has no token.
inline constexpr TokenId kNoToken = std::numeric_limits<TokenId>::max();

struct Vocabulary {
  std::vector<std::string> tokens;         // [vocab_size] bytes of each id; empty: no such id
  std::array<TokenId, 256> byte_tokens{};  // the token of each single byte, or kNoToken
  std::vector<Merge> merges;  // the best rank first; of equal pairs the last one counts
  std::vector<AddedToken> added;
  bool ignore_merges = false;  // a word that is a token is that token, whatever its bytes merge to
};

// Ids are below this bound: four times the largest vocabulary known, and low enough that a broken
// file cannot exhaust memory.
inline constexpr std::size_t kMaxVocabSize = std::size_t{1} << 22;

inline constexpr absl::string_view kEndOfText = "<|endoftext|>";

}  // namespace cascade::model
