// SPDX-License-Identifier: Apache-2.0
// Makes a Vocabulary from the contents of either kind of file: tokens first, then merges, then the
// final checks.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <unordered_map>
#include <utility>
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

// What to do about a special token that the vocabulary does not have: nothing, or give it the next
// id.
enum class Missing : std::uint8_t { kLeaveOut, kAdd };

// Errors are INVALID_ARGUMENT and begin with the `where` of the call.
class VocabularyBuilder {
 public:
  // Adds a token whose text stands for its own characters, not for bytes in the byte alphabet.
  // REQUIRES: no call of AddToken before. AddToken may list the token again. Adding the same text
  // with the same id twice is allowed, and the first counts.
  absl::Status AddAddedToken(absl::string_view where, AddedToken token);

  // Says that the token with this text is special, wherever it gets its id from. The id of `token`
  // does not count. REQUIRES: no call of AddToken before.
  void DeclareSpecial(AddedToken token, Missing missing);

  // Adds a token, `written` in the byte alphabet.
  absl::Status AddToken(absl::string_view where, const std::string& written, TokenId id);

  // Adds a merge of lower priority than all before it. Both parts, and the two together, are
  // written in the byte alphabet and must have been added as tokens.
  absl::Status AddMerge(absl::string_view where, absl::string_view left, absl::string_view right);

  // Gives ids to the declared tokens that have none. After all tokens; Finish does it, too.
  absl::Status PlaceDeclared(absl::string_view where);

  // The id of the token with this text, in the byte alphabet or added; kNoToken if there is none.
  TokenId IdOf(absl::string_view text) const;

  // The text of a declared token that was left out; null if there is none. After PlaceDeclared.
  const std::string* LeftOut() const;

  // The first added token whose id is not the next one after the vocabulary and the added tokens
  // before it; null if there is none. `tokenizers` gives it the next one instead.
  const AddedToken* FirstAfterGap() const;

  // Returns the vocabulary and leaves this builder empty. An error if none of the 256 bytes has a
  // token. `where` names the file.
  absl::StatusOr<Vocabulary> Finish(absl::string_view where);

 private:
  struct TextHash {
    using is_transparent = void;
    std::size_t operator()(absl::string_view text) const { return absl::HashOf(text); }
  };
  // The standard map, whose state is good after an insertion that found no memory; Abseil's is not.
  using Ids = std::unordered_map<std::string, TokenId, TextHash, std::equal_to<>>;

  // A token that is special wherever it gets its id from.
  struct Declared {
    AddedToken token;
    Missing missing;
    bool has_id;
  };

  absl::Status Place(absl::string_view where, TokenId id, std::string bytes);

  Vocabulary vocabulary_;
  std::vector<bool> taken_;  // [vocab_size]
  Ids ids_;                  // by the token in the byte alphabet
  Ids added_places_;         // in vocabulary_.added, by the token's text
  std::vector<Declared> declared_;
  Ids declared_places_;  // in declared_, by the token's text
};

// Adds a sentence to `warnings` if an added token has another id than `tokenizers` would give it,
// and one if a declared token was left out.
void WarnOfIds(absl::string_view where, const VocabularyBuilder& builder,
               std::vector<std::string>& warnings);

}  // namespace cascade::model
