// SPDX-License-Identifier: Apache-2.0
// Makes a Vocabulary from the contents of either kind of file: tokens first, then merges, then the
// final checks.
#pragma once

#include <cstddef>
#include <functional>
#include <string>
#include <unordered_map>
#include <vector>

#include "absl/hash/hash.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "model/token.h"
#include "model/tokenizer/vocabulary.h"
#include "nlohmann/json_fwd.hpp"

namespace cascade::model {

// INVALID_ARGUMENT: "<where>: <message>".
absl::Status Malformed(absl::string_view where, absl::string_view message);

// `value` as a token id; INVALID_ARGUMENT, showing the value, if it is none.
absl::StatusOr<TokenId> ParseTokenId(absl::string_view where, const nlohmann::json& value);

// Errors are INVALID_ARGUMENT and begin with the `where` of the call.
class VocabularyBuilder {
 public:
  // Adds a token whose text stands for its own characters, not for bytes in the byte alphabet.
  // REQUIRES: no call of AddToken before. AddToken may list the token again. Adding the same text
  // with the same id twice is allowed and counts once.
  absl::Status AddAddedToken(absl::string_view where, AddedToken token);

  // Adds a token, `written` in the byte alphabet.
  absl::Status AddToken(absl::string_view where, const std::string& written, TokenId id);

  // Adds a merge of lower priority than all before it. Both parts, and the two together, are
  // written in the byte alphabet and must have been added as tokens.
  absl::Status AddMerge(absl::string_view where, absl::string_view left, absl::string_view right);

  // Returns the vocabulary and leaves this builder empty. An error if one of the 256 bytes has no
  // token. `where` names the file.
  absl::StatusOr<Vocabulary> Finish(absl::string_view where);

 private:
  struct TextHash {
    using is_transparent = void;
    std::size_t operator()(absl::string_view text) const { return absl::HashOf(text); }
  };
  // The standard map, whose state is good after an insertion that found no memory; Abseil's is not.
  using Ids = std::unordered_map<std::string, TokenId, TextHash, std::equal_to<>>;

  absl::Status Place(absl::string_view where, TokenId id, std::string bytes);

  Vocabulary vocabulary_;
  std::vector<bool> taken_;  // [vocab_size]
  Ids ids_;                  // by the token in the byte alphabet
  Ids added_ids_;            // by the token's text
};

}  // namespace cascade::model
