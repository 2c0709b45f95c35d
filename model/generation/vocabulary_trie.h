// SPDX-License-Identifier: Apache-2.0
// A tokenizer's tokens as constraints see them.
#pragma once

#include <cstddef>

#include "model/constraints/token_trie.h"
#include "model/tokenizer/tokenizer.h"

namespace cascade::model {

// The tree of the tokens that a model of `vocab_size` tokens can put into a text: special tokens
// are no text. Borrows the tokenizer. Some 20 ms for 50,257 tokens.
TokenTrie MakeTokenTrie(const Tokenizer& tokenizer, std::size_t vocab_size);

}  // namespace cascade::model
