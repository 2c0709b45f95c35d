// SPDX-License-Identifier: Apache-2.0
// The tokens and merges of a byte-level BPE tokenizer, read from the files that Hugging Face
// writes. The parsers check everything that the comments below say, so users of a Vocabulary need
// not.
#pragma once

#include <array>
#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "model/token.h"

namespace cascade::model {

// "`left` followed by `right` becomes `whole`", whose bytes are those of both.
struct Merge {
  TokenId left;
  TokenId right;
  TokenId whole;
};

// A token that is cut out of the text before anything is merged.
struct AddedToken {
  std::string text;  // never empty
  TokenId id;
  bool special;  // false: cut out even with SpecialTokens::kAsText
};

struct Vocabulary {
  std::vector<std::string> tokens;         // [vocab_size] bytes of each id; empty: no such id
  std::array<TokenId, 256> byte_tokens{};  // the token of each single byte
  std::vector<Merge> merges;  // the best rank first; of equal pairs the last one counts
  std::vector<AddedToken> added;
};

// Ids are below this bound: four times the largest vocabulary known, and low enough that a broken
// file cannot exhaust memory.
inline constexpr std::size_t kMaxVocabSize = std::size_t{1} << 22;

inline constexpr absl::string_view kEndOfText = "<|endoftext|>";

// A file's path, for messages, and its contents.
struct NamedText {
  absl::string_view name;
  absl::string_view text;
};

// Parses vocab.json ({"token": id}), merges.txt ("left right" a line, the best first, under an
// optional
// "#version" line; either line ending will do) and, where a tokenizer was given tokens after its
// training, added_tokens.json ({"text": id}). "<|endoftext|>" is special where the vocabulary has
// it, and so are all that were added. INVALID_ARGUMENT, naming the file, the line or key and what
// was expected, if one is malformed.
absl::StatusOr<Vocabulary> ParseVocabularyFiles(
    NamedText vocab_json, NamedText merges_txt,
    std::optional<NamedText> added_tokens_json = std::nullopt);

// Parses tokenizer.json, the one file of Hugging Face's fast tokenizers: model.vocab, model.merges
// and added_tokens. Refuses settings by which a text would get other tokens than by GPT-2's
// rules: a normalizer, another pre_tokenizer, a model that is not plain BPE, stripping added
// tokens. INVALID_ARGUMENT as above.
absl::StatusOr<Vocabulary> ParseTokenizerJson(NamedText tokenizer_json);

}  // namespace cascade::model
