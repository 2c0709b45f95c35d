// SPDX-License-Identifier: Apache-2.0
// What the files of a tokenizer say together.
#pragma once

#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "model/tokenizer/encoding_rules.h"
#include "model/tokenizer/vocabulary.h"

namespace cascade::model {

// A file's path, for messages, and its contents.
struct NamedText {
  absl::string_view name;
  absl::string_view text;
};

struct TokenizerParts {
  Vocabulary vocabulary;
  EncodingRules rules;
  // What is done otherwise than some version of transformers does it: a sentence each, which names
  // the file.
  std::vector<std::string> warnings;
};

}  // namespace cascade::model
