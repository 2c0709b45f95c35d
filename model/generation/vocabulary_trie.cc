// SPDX-License-Identifier: Apache-2.0

#include "model/generation/vocabulary_trie.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "absl/strings/string_view.h"
#include "model/token.h"

namespace cascade::model {

TokenTrie MakeTokenTrie(const Tokenizer& tokenizer, std::size_t vocab_size) {
  std::vector<absl::string_view> bytes(std::min(vocab_size, tokenizer.vocab_size()));
  for (std::size_t id = 0; id < bytes.size(); ++id) {
    const auto token = static_cast<TokenId>(id);
    if (!tokenizer.IsSpecial(token)) bytes[id] = tokenizer.Bytes(token);
  }
  return TokenTrie(std::move(bytes));
}

}  // namespace cascade::model
