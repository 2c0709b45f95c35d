// SPDX-License-Identifier: Apache-2.0
// A tokenizer whose tokens a test can write down: byte b is token b.
#pragma once

#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "model/token.h"
#include "model/tokenizer/tokenizer.h"
#include "tests/model/tokenizer/tiny_vocabulary.h"
#include "tests/support/temp_dir.h"

namespace cascade::testing {

// Tokens 0 to 255 are the bytes, then come these two.
inline constexpr model::TokenId kAbcd = 256;       // "abcd"
inline constexpr model::TokenId kEndOfText = 257;  // special

inline model::Tokenizer TinyTokenizer() {
  nlohmann::json vocab = TinyVocab({});
  vocab["abcd"] = kAbcd;
  vocab["<|endoftext|>"] = kEndOfText;
  const TempDir folder;
  folder.WriteFile("vocab.json", vocab.dump());
  folder.WriteFile("merges.txt", TinyMerges({}));
  return *model::Tokenizer::Load(folder.path());
}

// The tokens of the text's bytes.
inline std::vector<model::TokenId> ByteTokens(absl::string_view text) {
  std::vector<model::TokenId> tokens;
  for (const char c : text) tokens.push_back(static_cast<unsigned char>(c));
  return tokens;
}

}  // namespace cascade::testing
