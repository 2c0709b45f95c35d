// SPDX-License-Identifier: Apache-2.0
// tokenizer.json: the one file of Hugging Face's fast tokenizers.
#pragma once

#include "absl/status/statusor.h"
#include "model/tokenizer/tokenizer_parts.h"
#include "model/tokenizer/tokenizer_settings.h"

namespace cascade::model {

// Parses a byte-level BPE model: model.vocab, model.merges, added_tokens, and the rules for a text
// (tokenizer_json_rules.h), with what `settings` add. INVALID_ARGUMENT, naming the file, the key
// and what was expected, if the file is malformed or has rules by which a text would get other
// tokens than it gets here.
absl::StatusOr<TokenizerParts> ParseTokenizerJson(NamedText tokenizer_json,
                                                  const TokenizerSettings& settings = {});

}  // namespace cascade::model
