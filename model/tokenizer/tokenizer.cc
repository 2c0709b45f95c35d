// SPDX-License-Identifier: Apache-2.0

#include "model/tokenizer/tokenizer.h"

#include <algorithm>
#include <cassert>
#include <filesystem>
#include <limits>
#include <unordered_set>
#include <utility>

#include "absl/algorithm/container.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "model/json_document.h"
#include "model/tokenizer/added_tokens.h"
#include "model/tokenizer/byte_pair_encoder.h"
#include "model/tokenizer/normalizer.h"
#include "model/tokenizer/text_splitter.h"
#include "model/tokenizer/tokenizer_json.h"
#include "model/tokenizer/tokenizer_parts.h"
#include "model/tokenizer/tokenizer_settings.h"
#include "model/tokenizer/utf8.h"
#include "model/tokenizer/vocabulary.h"
#include "model/tokenizer/vocabulary_files.h"

namespace cascade::model {
namespace {

// Positions within a word are 32-bit numbers.
constexpr std::size_t kMaxTextSize = std::numeric_limits<std::uint32_t>::max() - 1;

absl::StatusOr<std::string> ReadFile(const std::string& path) {
  constexpr std::size_t kMaxBytes = 64U << 20U;  // GPT-2's own files are below 1.1 MB
  return ReadTextFile(path, kMaxBytes);
}

// The contents of a file that the folder may lack, and what to call it.
struct OptionalFile {
  std::string path;
  std::optional<std::string> text;

  std::optional<NamedText> named() const {
    if (!text.has_value()) return std::nullopt;
    return NamedText{path, *text};
  }
};

absl::StatusOr<OptionalFile> ReadIfThere(const std::filesystem::path& path) {
  OptionalFile file = {.path = path, .text = std::nullopt};
  std::error_code ignored;
  if (!std::filesystem::exists(path, ignored)) return file;
  absl::StatusOr<std::string> text = ReadFile(file.path);
  if (!text.ok()) return text.status();
  file.text = *std::move(text);
  return file;
}

absl::StatusOr<TokenizerSettings> ReadSettings(const std::filesystem::path& folder) {
  const absl::StatusOr<OptionalFile> config = ReadIfThere(folder / "tokenizer_config.json");
  if (!config.ok()) return config.status();
  const absl::StatusOr<OptionalFile> map = ReadIfThere(folder / "special_tokens_map.json");
  if (!map.ok()) return map.status();
  const absl::StatusOr<OptionalFile> added = ReadIfThere(folder / "added_tokens.json");
  if (!added.ok()) return added.status();
  return ParseTokenizerSettings({config->named(), map->named(), added->named()});
}

// What a folder without the files that are read has of a tokenizer; empty if nothing is known.
std::string WhatIsThereInstead(const std::filesystem::path& folder) {
  static constexpr std::pair<const char*, const char*> kOthers[] = {
      {"vocab.txt", "a WordPiece vocabulary, as BERT has; it is no byte-level BPE"},
      {"tokenizer.model", "a SentencePiece model; it is no byte-level BPE"},
      {"spiece.model", "a SentencePiece model; it is no byte-level BPE"},
      {"sentencepiece.bpe.model", "a SentencePiece model; it is no byte-level BPE"},
      {"encoder.json", "OpenAI's name for vocab.json; vocab.bpe is its name for merges.txt"},
      {"vocab.bpe", "OpenAI's name for merges.txt; encoder.json is its name for vocab.json"}};
  std::error_code ignored;
  for (const auto& [name, what] : kOthers) {
    if (std::filesystem::exists(folder / name, ignored)) {
      return absl::StrCat("; there is ", name, ", ", what);
    }
  }
  return "";
}

absl::StatusOr<TokenizerParts> ReadParts(const std::filesystem::path& folder) {
  const absl::StatusOr<OptionalFile> tokenizer = ReadIfThere(folder / "tokenizer.json");
  if (!tokenizer.ok()) return tokenizer.status();
  const absl::StatusOr<OptionalFile> vocab = ReadIfThere(folder / "vocab.json");
  if (!vocab.ok()) return vocab.status();
  const absl::StatusOr<OptionalFile> merges = ReadIfThere(folder / "merges.txt");
  if (!merges.ok()) return merges.status();
  if (!tokenizer->text && (!vocab->text || !merges->text)) {
    return absl::NotFoundError(absl::StrCat(folder.string(),
                                            " has neither tokenizer.json nor vocab.json and "
                                            "merges.txt",
                                            WhatIsThereInstead(folder)));
  }
  const absl::StatusOr<TokenizerSettings> settings = ReadSettings(folder);
  if (!settings.ok()) return settings.status();
  if (tokenizer->text) return ParseTokenizerJson(*tokenizer->named(), *settings);
  return ParseVocabularyFiles(*vocab->named(), *merges->named(), *settings);
}

// The special tokens that no text merges to.
std::unordered_set<TokenId> SpecialIds(const Vocabulary& vocabulary) {
  std::unordered_set<TokenId> ids;
  for (const AddedToken& added : vocabulary.added) {
    if (added.special) ids.insert(added.id);
  }
  for (const TokenId id : vocabulary.byte_tokens) ids.erase(id);
  for (const Merge& merge : vocabulary.merges) ids.erase(merge.whole);
  return ids;
}

std::optional<TokenId> EndOfText(const Vocabulary& vocabulary) {
  const auto& tokens = vocabulary.tokens;
  const auto found = std::find(tokens.begin(), tokens.end(), kEndOfText);
  if (found == tokens.end()) return std::nullopt;
  return static_cast<TokenId>(found - tokens.begin());
}

}  // namespace

struct Tokenizer::Impl {
  Impl(TokenizerParts the_parts, TextSplitter the_splitter)
      : parts(std::move(the_parts)),
        splitter(std::move(the_splitter)),
        encoder(parts.vocabulary),
        special_ids(SpecialIds(parts.vocabulary)),
        end_of_text(EndOfText(parts.vocabulary)),
        added(parts.vocabulary.added, /*normalized=*/false,
              [](const AddedToken& token) { return token.text; }),
        added_normalized(parts.vocabulary.added, /*normalized=*/true,
                         [this](const AddedToken& token) {
                           return Normalize(token.text, parts.rules.normalizations);
                         }),
        lacks_bytes(absl::c_linear_search(parts.vocabulary.byte_tokens, kNoToken)) {}

  // An error that names the first byte of `text` that has no token.
  absl::Status CheckBytes(absl::string_view text) const;

  TokenizerParts parts;
  TextSplitter splitter;
  BytePairEncoder encoder;  // borrows the vocabulary, as the added tokens do
  std::unordered_set<TokenId> special_ids;
  std::optional<TokenId> end_of_text;
  AddedTokens added;
  AddedTokens added_normalized;
  bool lacks_bytes;
};

absl::Status Tokenizer::Impl::CheckBytes(absl::string_view text) const {
  if (!lacks_bytes) return absl::OkStatus();
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto byte = static_cast<unsigned char>(text[i]);
    if (parts.vocabulary.byte_tokens[byte] != kNoToken) continue;
    std::size_t begin = i;  // of the character that the byte is part of
    while (begin > 0 && (static_cast<unsigned char>(text[begin]) & 0xc0U) == 0x80) --begin;
    const absl::string_view character =
        text.substr(begin, FirstUtf8Piece(text.substr(begin)).length);
    return absl::InvalidArgumentError(absl::StrFormat(
        "the model's vocabulary has no token for the byte 0x%02x of %s", byte, Quoted(character)));
  }
  return absl::OkStatus();
}

Tokenizer::Tokenizer(std::unique_ptr<const Impl> impl) : impl_(std::move(impl)) {}
Tokenizer::Tokenizer(Tokenizer&&) noexcept = default;
Tokenizer& Tokenizer::operator=(Tokenizer&&) noexcept = default;
Tokenizer::~Tokenizer() = default;

absl::StatusOr<Tokenizer> Tokenizer::Load(const std::string& folder) {
  absl::StatusOr<TokenizerParts> parts = ReadParts(folder);
  if (!parts.ok()) return parts.status();
  absl::StatusOr<TextSplitter> splitter = TextSplitter::Create(parts->rules);
  if (!splitter.ok()) return splitter.status();
  return Tokenizer(std::make_unique<const Impl>(*std::move(parts), *std::move(splitter)));
}

Tokenizer Tokenizer::None() {
  TokenizerParts nothing;
  nothing.vocabulary.byte_tokens.fill(kNoToken);
  nothing.rules.words = false;  // so that there is no pattern to compile
  absl::StatusOr<TextSplitter> splitter = TextSplitter::Create(nothing.rules);
  return Tokenizer(std::make_unique<const Impl>(std::move(nothing), *std::move(splitter)));
}

absl::StatusOr<std::vector<TokenId>> Tokenizer::Encode(absl::string_view text,
                                                       SpecialTokens special_tokens) const {
  if (is_none()) {
    return absl::FailedPreconditionError(
        "this server has no tokenizer (--tokenizer=none): it takes token ids, not text");
  }
  if (text.size() > kMaxTextSize) {
    return absl::ResourceExhaustedError(
        absl::StrCat("a text of ", text.size(), " bytes is longer than ", kMaxTextSize));
  }
  const EncodingRules& rules = impl_->parts.rules;
  std::vector<TokenId> ids = rules.prefix;
  ids.reserve(text.size() / 3);  // English has about four bytes a token
  const auto encode = [&](absl::string_view piece) {
    if (rules.normalizations.empty()) return EncodeNormalized(piece, special_tokens, ids);
    return EncodeNormalized(Normalize(piece, rules.normalizations), special_tokens, ids);
  };
  absl::Status status = impl_->added.Cut(text, special_tokens, encode,
                                         [&](const AddedToken& token) { ids.push_back(token.id); });
  if (!status.ok()) return status;
  ids.insert(ids.end(), rules.suffix.begin(), rules.suffix.end());
  return ids;
}

absl::Status Tokenizer::EncodeNormalized(absl::string_view text, SpecialTokens special_tokens,
                                         std::vector<TokenId>& ids) const {
  BytePairEncoder::Scratch scratch;
  const auto encode_word = [&](absl::string_view word) {
    impl_->encoder.Encode(word, scratch, ids);
  };
  const auto encode = [&](absl::string_view piece) {
    absl::Status status = impl_->CheckBytes(piece);
    status.Update(impl_->splitter.Split(piece, encode_word));
    return status;
  };
  return impl_->added_normalized.Cut(text, special_tokens, encode,
                                     [&](const AddedToken& token) { ids.push_back(token.id); });
}

absl::string_view Tokenizer::Bytes(TokenId id) const {
  assert(id < vocab_size());
  return impl_->parts.vocabulary.tokens[id];
}

std::string Tokenizer::Decode(std::span<const TokenId> ids) const {
  std::string bytes;
  for (const TokenId id : ids) {
    if (id < vocab_size()) bytes.append(impl_->parts.vocabulary.tokens[id]);
  }
  return bytes;
}

bool Tokenizer::is_none() const { return impl_->parts.vocabulary.tokens.empty(); }

const std::vector<std::string>& Tokenizer::warnings() const { return impl_->parts.warnings; }

std::size_t Tokenizer::vocab_size() const { return impl_->parts.vocabulary.tokens.size(); }

std::size_t Tokenizer::base_vocab_size() const {
  const Vocabulary& vocabulary = impl_->parts.vocabulary;
  std::unordered_set<TokenId> added;
  for (const AddedToken& token : vocabulary.added) added.insert(token.id);
  std::size_t size = vocabulary.tokens.size();
  while (size > 0 &&
         (vocabulary.tokens[size - 1].empty() || added.contains(static_cast<TokenId>(size - 1)))) {
    --size;
  }
  return size;
}

std::optional<TokenId> Tokenizer::end_of_text() const { return impl_->end_of_text; }

bool Tokenizer::IsSpecial(TokenId id) const { return impl_->special_ids.contains(id); }

}  // namespace cascade::model
