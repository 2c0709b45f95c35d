// SPDX-License-Identifier: Apache-2.0
// What tokenizer_config.json, special_tokens_map.json and added_tokens.json add to a vocabulary.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "model/tokenizer/tokenizer_parts.h"
#include "model/tokenizer/vocabulary.h"
#include "model/tokenizer/vocabulary_builder.h"

namespace cascade::model {

// As transformers reads them (PreTrainedTokenizerBase.from_pretrained).
struct TokenizerSettings {
  // The token that has a role, "bos_token" for example.
  struct Special {
    std::string role;
    AddedToken token;  // without an id: the vocabulary may have it
  };

  std::string tokenizer_class;  // empty: not said, which means GPT2Tokenizer
  std::optional<bool> add_prefix_space;
  bool add_bos_token = false;
  bool add_eos_token = false;
  std::vector<AddedToken> added;  // by ascending id
  std::vector<std::string> warnings;
  std::vector<Special> specials;  // in the order in which transformers adds them

  // True of GPT2Tokenizer and GPT2TokenizerFast.
  bool IsGpt2() const;

  // The text of the token with this role, or null. "<|endoftext|>" where nothing is said of
  // bos_token, eos_token or unk_token and the class is GPT-2's.
  const std::string* Role(absl::string_view role) const;

  // Tells `builder` of all tokens, before it is told of the vocabulary. `where` names the folder.
  absl::Status Declare(absl::string_view where, VocabularyBuilder& builder) const;
};

// The contents of the files; those that the folder lacks are absent.
struct TokenizerSettingsFiles {
  std::optional<NamedText> tokenizer_config = {};
  std::optional<NamedText> special_tokens_map = {};
  std::optional<NamedText> added_tokens = {};
};

// INVALID_ARGUMENT, naming the file, the key and what was expected, if one is malformed.
// special_tokens_map.json and added_tokens.json do not count where tokenizer_config.json has
// "added_tokens_decoder", which replaced them.
absl::StatusOr<TokenizerSettings> ParseTokenizerSettings(const TokenizerSettingsFiles& files);

}  // namespace cascade::model
