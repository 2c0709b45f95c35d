// SPDX-License-Identifier: Apache-2.0
// What happens to a text around the merging of bytes, as tokenizer.json and tokenizer_config.json
// say it. The defaults are GPT-2's.
#pragma once

#include <cstdint>
#include <vector>

#include "model/token.h"

namespace cascade::model {

// Unicode's normalization forms (UAX #15). Hugging Face: tokenizers.normalizers.
enum class Normalization : std::uint8_t { kNfc, kNfd, kNfkc, kNfkd };

// How a text is cut before it is cut into words. Hugging Face: tokenizers.pre_tokenizers.
enum class Cut : std::uint8_t {
  kDigits,     // Digits: a run of numbers is a piece
  kEachDigit,  // Digits(individual_digits=True): each number is a piece
  kWords,      // Split of GPT-2's pattern
};

// A text is normalized, cut, given a space in front of each piece, cut into words, and encoded
// (Hugging Face: ByteLevel); the result stands between `prefix` and `suffix` (Hugging Face: the
// post_processor).
struct EncodingRules {
  std::vector<Normalization> normalizations;  // in this order
  std::vector<Cut> cuts;                      // in this order, each of all pieces
  bool add_prefix_space = false;              // in front of a piece that does not begin with one
  bool words = true;                          // whether pieces are cut into words
  std::vector<TokenId> prefix;
  std::vector<TokenId> suffix;
};

}  // namespace cascade::model
