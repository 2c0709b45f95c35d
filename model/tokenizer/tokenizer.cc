// SPDX-License-Identifier: Apache-2.0

#include "model/tokenizer/tokenizer.h"

#include <algorithm>
#include <cassert>
#include <filesystem>
#include <limits>
#include <unordered_set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "model/json_document.h"
#include "model/tokenizer/added_tokens.h"
#include "model/tokenizer/byte_pair_encoder.h"
#include "model/tokenizer/vocabulary.h"
#include "model/tokenizer/word_pattern.h"

namespace cascade::model {
namespace {

// Positions within a word are 32-bit numbers.
constexpr std::size_t kMaxTextSize = std::numeric_limits<std::uint32_t>::max() - 1;

absl::StatusOr<std::string> ReadFile(const std::string& path) {
  constexpr std::size_t kMaxBytes = 64U << 20U;  // GPT-2's own files are below 1.1 MB
  return ReadTextFile(path, kMaxBytes);
}

absl::StatusOr<Vocabulary> ReadVocabularyFiles(const std::filesystem::path& folder) {
  const std::string vocab_path = folder / "vocab.json";
  const std::string merges_path = folder / "merges.txt";
  const std::string added_path = folder / "added_tokens.json";
  const absl::StatusOr<std::string> vocab = ReadFile(vocab_path);
  if (!vocab.ok()) return vocab.status();
  const absl::StatusOr<std::string> merges = ReadFile(merges_path);
  if (!merges.ok()) return merges.status();
  std::error_code ignored;
  if (!std::filesystem::exists(added_path, ignored)) {
    return ParseVocabularyFiles({vocab_path, *vocab}, {merges_path, *merges});
  }
  const absl::StatusOr<std::string> added = ReadFile(added_path);
  if (!added.ok()) return added.status();
  return ParseVocabularyFiles({vocab_path, *vocab}, {merges_path, *merges},
                              NamedText{added_path, *added});
}

absl::StatusOr<Vocabulary> ReadVocabulary(const std::filesystem::path& folder) {
  std::error_code ignored;
  const auto has = [&](const char* name) { return exists(folder / name, ignored); };
  if (has("vocab.json") && has("merges.txt")) return ReadVocabularyFiles(folder);
  if (has("tokenizer.json")) {
    const std::string path = folder / "tokenizer.json";
    const absl::StatusOr<std::string> contents = ReadFile(path);
    if (!contents.ok()) return contents.status();
    return ParseTokenizerJson({path, *contents});
  }
  return absl::NotFoundError(absl::StrCat(folder.string(),
                                          " has neither vocab.json and merges.txt nor "
                                          "tokenizer.json"));
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
  Impl(Vocabulary the_vocabulary, WordPattern the_pattern)
      : vocabulary(std::move(the_vocabulary)),
        pattern(std::move(the_pattern)),
        encoder(vocabulary),
        special_ids(SpecialIds(vocabulary)),
        end_of_text(EndOfText(vocabulary)) {}

  Vocabulary vocabulary;
  WordPattern pattern;
  BytePairEncoder encoder;  // borrows the vocabulary
  std::unordered_set<TokenId> special_ids;
  std::optional<TokenId> end_of_text;
};

Tokenizer::Tokenizer(std::unique_ptr<const Impl> impl) : impl_(std::move(impl)) {}
Tokenizer::Tokenizer(Tokenizer&&) noexcept = default;
Tokenizer& Tokenizer::operator=(Tokenizer&&) noexcept = default;
Tokenizer::~Tokenizer() = default;

absl::StatusOr<Tokenizer> Tokenizer::Load(const std::string& folder) {
  absl::StatusOr<Vocabulary> vocabulary = ReadVocabulary(folder);
  if (!vocabulary.ok()) return vocabulary.status();
  absl::StatusOr<WordPattern> pattern = WordPattern::Compile();
  if (!pattern.ok()) return pattern.status();
  return Tokenizer(std::make_unique<const Impl>(*std::move(vocabulary), *std::move(pattern)));
}

absl::StatusOr<std::vector<TokenId>> Tokenizer::Encode(absl::string_view text,
                                                       SpecialTokens special_tokens) const {
  if (text.size() > kMaxTextSize) {
    return absl::ResourceExhaustedError(
        absl::StrCat("a text of ", text.size(), " bytes is longer than ", kMaxTextSize));
  }
  std::vector<TokenId> ids;
  ids.reserve(text.size() / 3);  // English has about four bytes a token
  BytePairEncoder::Scratch scratch;
  const auto encode_word = [&](absl::string_view word) {
    impl_->encoder.Encode(word, scratch, ids);
  };
  AddedTokenScan added_tokens(impl_->vocabulary.added, text, special_tokens);
  for (std::size_t begin = 0; begin < text.size();) {
    const std::optional<AddedTokenScan::Match> added = added_tokens.Next(begin);
    const std::size_t end = added.has_value() ? added->begin : text.size();
    absl::Status split = impl_->pattern.Split(text.substr(begin, end - begin), encode_word);
    if (!split.ok()) return split;
    if (!added.has_value()) break;
    ids.push_back(added->token->id);
    begin = end + added->token->text.size();
  }
  return ids;
}

absl::string_view Tokenizer::Bytes(TokenId id) const {
  assert(id < vocab_size());
  return impl_->vocabulary.tokens[id];
}

std::string Tokenizer::Decode(std::span<const TokenId> ids) const {
  std::string bytes;
  for (const TokenId id : ids) {
    if (id < vocab_size()) bytes.append(impl_->vocabulary.tokens[id]);
  }
  return bytes;
}

std::size_t Tokenizer::vocab_size() const { return impl_->vocabulary.tokens.size(); }

std::optional<TokenId> Tokenizer::end_of_text() const { return impl_->end_of_text; }

bool Tokenizer::IsSpecial(TokenId id) const { return impl_->special_ids.contains(id); }

}  // namespace cascade::model
