// SPDX-License-Identifier: Apache-2.0
// GPT-2's byte-level byte-pair encoding, exactly.
//
// Unless the files say otherwise, text is cut into words by the pattern
//   's|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+
// and each word's bytes are merged by rank. Reference: Hugging Face GPT2TokenizerFast and
// tiktoken's "gpt2" (openai/gpt-2, encoder.py).
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "model/token.h"

namespace cascade::model {

// What the characters of "<|endoftext|>", or of another special token, mean in a text.
enum class SpecialTokens : std::uint8_t {
  kAsText,   // characters, encoded like any other: the default for text from untrusted users
  kAsToken,  // the special token: Hugging Face's default
};

// Immutable after Load; const calls from any thread. Move-only.
class Tokenizer {
 public:
  // Reads what Hugging Face's AutoTokenizer reads: `folder`/tokenizer.json, or, where it is
  // missing, vocab.json and merges.txt; and with either tokenizer_config.json,
  // special_tokens_map.json and added_tokens.json, as far as they are there. README.md says what is
  // followed.
  //
  // NOT_FOUND if there is neither; INVALID_ARGUMENT, naming file, line or key and what was
  // expected, if a file is malformed or has a rule that is not known here.
  static absl::StatusOr<Tokenizer> Load(const std::string& folder);

  // A tokenizer that knows no token: for a model that is served token ids alone. It encodes no
  // text, and each id stands for no bytes.
  static Tokenizer None();

  Tokenizer(Tokenizer&&) noexcept;
  Tokenizer& operator=(Tokenizer&&) noexcept;
  ~Tokenizer();

  // Encodes any bytes. Bytes that are not valid UTF-8 are kept: each counts as a character that is
  // neither letter, number nor space. By GPT-2's rules, Decode(Encode(x)) == x for every x; other
  // rules normalize the text, add a space in front, or tokens at the ends.
  //
  // Cost: linear in the text but for a log factor in the length of one word.
  //
  // INVALID_ARGUMENT if the text has a byte for which the vocabulary has no token.
  // FAILED_PRECONDITION if this is None. RESOURCE_EXHAUSTED only if the text has 4 GiB or more, or
  // the pattern engine runs out of memory.
  absl::StatusOr<std::vector<TokenId>> Encode(absl::string_view text,
                                              SpecialTokens special_tokens) const;

  // The bytes that `id` stands for; they need not be whole UTF-8 characters. Valid as long as the
  // tokenizer. REQUIRES: id < vocab_size().
  absl::string_view Bytes(TokenId id) const;

  // The concatenated bytes of all `ids`. Ids >= vocab_size(), which a model with a padded embedding
  // can generate, stand for no bytes.
  std::string Decode(std::span<const TokenId> ids) const;

  // True of None.
  bool is_none() const;

  // Where the files' rules are followed otherwise than in some version of transformers: a sentence
  // each, which names the file. For the operator, once.
  const std::vector<std::string>& warnings() const;

  // 1 + the largest id. Ids below it that the vocabulary does not have stand for no bytes.
  std::size_t vocab_size() const;

  // The same without added tokens.
  std::size_t base_vocab_size() const;

  // "<|endoftext|>", if the vocabulary has it.
  std::optional<TokenId> end_of_text() const;

  // True for tokens that no text encodes to with SpecialTokens::kAsText.
  bool IsSpecial(TokenId id) const;

 private:
  struct Impl;
  explicit Tokenizer(std::unique_ptr<const Impl> impl);

  // Appends the ids of `text`, in which only added tokens in normalized text are looked for.
  absl::Status EncodeNormalized(absl::string_view text, SpecialTokens special_tokens,
                                std::vector<TokenId>& ids) const;

  std::unique_ptr<const Impl> impl_;
};

}  // namespace cascade::model
