// SPDX-License-Identifier: Apache-2.0
// Whatever the files of a tokenizer hold, they are refused with INVALID_ARGUMENT, or give a
// vocabulary in which every word can be encoded.
//
// The first byte says what the rest is: 't' tokenizer.json, 'v' vocab.json, 'a' added_tokens.json,
// otherwise merges.txt. The files beside it are sound, so that the parser gets past them.
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "model/tokenizer/byte_alphabet.h"
#include "model/tokenizer/byte_pair_encoder.h"
#include "model/tokenizer/vocabulary.h"
#include "nlohmann/json.hpp"
#include "tests/fuzz/fuzz.h"

namespace cascade::model {
namespace {

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

absl::StatusOr<Vocabulary> Parse(char kind, absl::string_view text) {
  static const std::string vocab = SoundVocab();
  constexpr absl::string_view kMerges = "a b\nab c\n";
  switch (kind) {
    case 't':
      return ParseTokenizerJson({"tokenizer.json", text});
    case 'v':
      return ParseVocabularyFiles({"vocab.json", text}, {"merges.txt", kMerges});
    case 'a':
      return ParseVocabularyFiles({"vocab.json", vocab}, {"merges.txt", kMerges},
                                  NamedText{"added_tokens.json", text});
    default:
      return ParseVocabularyFiles({"vocab.json", vocab}, {"merges.txt", text});
  }
}

void EncodeAWord(const Vocabulary& vocabulary) {
  constexpr absl::string_view kWord = "abcaaaaaabc\xff";
  BytePairEncoder::Scratch scratch;
  std::vector<TokenId> ids;
  BytePairEncoder(vocabulary).Encode(kWord, scratch, ids);
  std::string decoded;
  for (const TokenId id : ids) decoded += vocabulary.tokens.at(id);
  FUZZ_EXPECT(decoded == kWord);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const absl::string_view text(reinterpret_cast<const char*>(data), size);
  const absl::StatusOr<Vocabulary> parsed = Parse(text[0], text.substr(1));
  FUZZ_EXPECT(parsed.ok() || absl::IsInvalidArgument(parsed.status()));
  if (parsed.ok()) EncodeAWord(*parsed);
  return 0;
}

}  // namespace cascade::model
