// SPDX-License-Identifier: Apache-2.0
// What a byte-level BPE tokenizer is made of, read from the files that Hugging Face writes and
// checked: whoever holds a Vocabulary can rely on every word below.
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
  bool special;  // false: cut out even of text from strangers
};

struct Vocabulary {
  std::vector<std::string> tokens;         // [vocab_size] bytes of each id; empty: no such id
  std::array<TokenId, 256> byte_tokens{};  // the token of each single byte
  std::vector<Merge> merges;  // the best rank first; of equal pairs the last one counts
  std::vector<AddedToken> added;
};

// Ids are below this: four times the largest vocabulary known, and little memory if a file lies.
inline constexpr std::size_t kMaxVocabSize = std::size_t{1} << 22;

inline constexpr absl::string_view kEndOfText = "<|endoftext|>";

// A file's path, for messages, and its contents.
struct NamedText {
  absl::string_view name;
  absl::string_view text;
};

// From vocab.json ({"token": id}), merges.txt ("left right" a line, the best first, under an
// optional
// "#version" line; either line ending will do) and, where a tokenizer was given tokens after its
// training, added_tokens.json ({"text": id}). "<|endoftext|>" is special where the vocabulary has
// it, and so are all that were added. INVALID_ARGUMENT, naming the file, the line or key and what
// was expected, if one is malformed.
absl::StatusOr<Vocabulary> ParseVocabularyFiles(
    NamedText vocab_json, NamedText merges_txt,
    std::optional<NamedText> added_tokens_json = std::nullopt);

// From tokenizer.json, the one file of Hugging Face's fast tokenizers: model.vocab, model.merges
// and added_tokens. What would make the text mean other tokens than GPT-2's rules do (a normalizer,
// another pre_tokenizer, a model that is not plain BPE, stripping added tokens) is refused.
// INVALID_ARGUMENT as above.
absl::StatusOr<Vocabulary> ParseTokenizerJson(NamedText tokenizer_json);

}  // namespace cascade::model
