// SPDX-License-Identifier: Apache-2.0
// Whatever the files of a tokenizer hold, they are refused with INVALID_ARGUMENT, or give a
// vocabulary in which every word can be encoded.
//
// The first byte says what the rest is: 't' tokenizer.json, 'v' vocab.json, 'a' added_tokens.json,
// 'c' tokenizer_config.json, 's' special_tokens_map.json, otherwise merges.txt. The files beside it
// are sound, so that the parser gets past them.
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/algorithm/container.h"
#include "model/tokenizer/byte_alphabet.h"
#include "model/tokenizer/byte_pair_encoder.h"
#include "model/tokenizer/normalizer.h"
#include "model/tokenizer/text_splitter.h"
#include "model/tokenizer/tokenizer_json.h"
#include "model/tokenizer/tokenizer_settings.h"
#include "model/tokenizer/vocabulary.h"
#include "model/tokenizer/vocabulary_files.h"
#include "nlohmann/json.hpp"
#include "tests/fuzz/fuzz.h"

namespace cascade::model {
namespace {

constexpr absl::string_view kMerges = "a b\nab c\n";

// The 256 bytes and a few tokens that merges can make.
std::string SoundVocab() {
  nlohmann::json vocab = nlohmann::json::object();
  for (int byte = 0; byte < 256; ++byte) {
    vocab[BytesToAlphabet(std::string(1, static_cast<char>(byte)))] = byte;
  }
  int id = 256;
  for (const char* token : {"ab", "bc", "abc", "aa", "aaaa"}) vocab[token] = id++;
  return vocab.dump();
}

absl::StatusOr<TokenizerParts> ParseWith(const TokenizerSettingsFiles& files) {
  static const std::string vocab = SoundVocab();
  const absl::StatusOr<TokenizerSettings> settings = ParseTokenizerSettings(files);
  if (!settings.ok()) return settings.status();
  return ParseVocabularyFiles({"vocab.json", vocab}, {"merges.txt", kMerges}, *settings);
}

absl::StatusOr<TokenizerParts> Parse(char kind, absl::string_view text) {
  static const std::string vocab = SoundVocab();
  switch (kind) {
    case 't':
      return ParseTokenizerJson({"tokenizer.json", text});
    case 'v':
      return ParseVocabularyFiles({"vocab.json", text}, {"merges.txt", kMerges});
    case 'a':
      return ParseWith({.added_tokens = NamedText{"added_tokens.json", text}});
    case 'c':
      return ParseWith({.tokenizer_config = NamedText{"tokenizer_config.json", text}});
    case 's':
      return ParseWith({.special_tokens_map = NamedText{"special_tokens_map.json", text}});
    default:
      return ParseVocabularyFiles({"vocab.json", vocab}, {"merges.txt", text});
  }
}

// By the rules, and by the merges alone.
void EncodeAWord(const TokenizerParts& parts) {
  constexpr absl::string_view kWord = "abcaaaaaabc\xff";
  const absl::StatusOr<TextSplitter> splitter = TextSplitter::Create(parts.rules);
  FUZZ_EXPECT(splitter.ok());
  const std::string normalized = Normalize(kWord, parts.rules.normalizations);
  FUZZ_EXPECT(splitter->Split(normalized, [](absl::string_view) {}).ok());
  const Vocabulary& vocabulary = parts.vocabulary;
  if (absl::c_linear_search(vocabulary.byte_tokens, kNoToken)) return;
  BytePairEncoder::Scratch scratch;
  std::vector<TokenId> ids;
  BytePairEncoder(vocabulary).Encode(kWord, scratch, ids);
  for (const TokenId id : ids) FUZZ_EXPECT(id < vocabulary.tokens.size());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const absl::string_view text(reinterpret_cast<const char*>(data), size);
  const absl::StatusOr<TokenizerParts> parsed = Parse(text[0], text.substr(1));
  FUZZ_EXPECT(parsed.ok() || absl::IsInvalidArgument(parsed.status()));
  if (parsed.ok()) EncodeAWord(*parsed);
  return 0;
}

}  // namespace cascade::model
