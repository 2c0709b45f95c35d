// SPDX-License-Identifier: Apache-2.0
// vocab.json and merges.txt: a vocabulary as OpenAI published it.
#pragma once

#include "absl/status/statusor.h"
#include "model/tokenizer/tokenizer_parts.h"
#include "model/tokenizer/tokenizer_settings.h"

namespace cascade::model {

// Parses vocab.json ({"token": id}) and merges.txt ("left right" a line, the best first, under an
// optional "#version" line; either line ending will do), with what `settings` add.
// INVALID_ARGUMENT, naming the file, the line or key and what was expected, if one is malformed, or
// if the settings name a class of tokenizers with other rules than GPT-2's.
absl::StatusOr<TokenizerParts> ParseVocabularyFiles(NamedText vocab_json, NamedText merges_txt,
                                                    const TokenizerSettings& settings = {});

}  // namespace cascade::model
