// SPDX-License-Identifier: Apache-2.0
// How both kinds of file become a Vocabulary: tokens first, then merges, then the last checks.
#pragma once

#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "model/token.h"
#include "model/tokenizer/vocabulary.h"
#include "nlohmann/json_fwd.hpp"

namespace cascade::model {

// INVALID_ARGUMENT: "<where>: <message>".
absl::Status Malformed(absl::string_view where, absl::string_view message);

// `value` as a token id, or INVALID_ARGUMENT saying what it is instead.
absl::StatusOr<TokenId> ParseTokenId(absl::string_view where, const nlohmann::json& value);

// Errors are INVALID_ARGUMENT and begin with the `where` of the call.
class VocabularyBuilder {
 public:
  // An added token stands for its own characters, not for bytes in the alphabet. Added tokens come
  // before the tokens that AddToken() takes, among which they may be listed again. Adding one twice
  // is once if both have one id.
  absl::Status AddAddedToken(absl::string_view where, AddedToken token);

  // `written` in the byte alphabet.
  absl::Status AddToken(absl::string_view where, const std::string& written, TokenId id);

  // The next best merge; both parts and the whole, in the byte alphabet, must be tokens by now.
  absl::Status AddMerge(absl::string_view where, absl::string_view left, absl::string_view right);

  // The vocabulary, if all 256 bytes have their tokens. `where` names the file. Leaves this empty.
  absl::StatusOr<Vocabulary> Finish(absl::string_view where);

 private:
  absl::Status Place(absl::string_view where, TokenId id, std::string bytes);

  Vocabulary vocabulary_;
  std::vector<bool> taken_;                              // [vocab_size]
  absl::flat_hash_map<std::string, TokenId> ids_;        // by how the token is written
  absl::flat_hash_map<std::string, TokenId> added_ids_;  // by the token's text
};

}  // namespace cascade::model
