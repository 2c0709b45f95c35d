// SPDX-License-Identifier: Apache-2.0

#include "model/tokenizer/vocabulary_builder.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "model/json_document.h"
#include "model/tokenizer/byte_alphabet.h"
#include "nlohmann/json.hpp"

namespace cascade::model {
namespace {

// An added token may be listed more than once, always with one id.
absl::Status SameId(absl::string_view where, absl::string_view text, TokenId id, TokenId earlier) {
  if (id == earlier) return absl::OkStatus();
  return Malformed(where, absl::StrCat(Quoted(text), " has id ", id, " here and id ", earlier,
                                       " as an added token"));
}

}  // namespace

absl::Status Malformed(absl::string_view where, absl::string_view message) {
  return absl::InvalidArgumentError(absl::StrCat(where, ": ", message));
}

absl::StatusOr<TokenId> ParseTokenId(absl::string_view where, const nlohmann::json& value) {
  if (!value.is_number_unsigned()) {
    return Malformed(where, absl::StrCat("expected a token id, an integer from 0, found ",
                                         value.is_number() ? value.dump() : value.type_name()));
  }
  const auto id = value.get<std::uint64_t>();
  if (id >= kMaxVocabSize) {
    return Malformed(where, absl::StrCat("token id ", id, " is not below ", kMaxVocabSize));
  }
  return static_cast<TokenId>(id);
}

absl::Status VocabularyBuilder::Place(absl::string_view where, TokenId id, std::string bytes) {
  if (id >= taken_.size()) {
    taken_.resize(id + 1);
    vocabulary_.tokens.resize(id + 1);
  }
  if (taken_[id]) return Malformed(where, absl::StrCat("id ", id, " is taken by another token"));
  taken_[id] = true;
  vocabulary_.tokens[id] = std::move(bytes);
  return absl::OkStatus();
}

absl::Status VocabularyBuilder::AddAddedToken(absl::string_view where, AddedToken token) {
  if (token.text.empty()) return Malformed(where, "an added token must not be empty");
  const auto [added, is_new] = added_ids_.emplace(token.text, token.id);
  if (!is_new) return SameId(where, token.text, token.id, added->second);
  if (absl::Status placed = Place(where, token.id, token.text); !placed.ok()) return placed;
  vocabulary_.added.push_back(std::move(token));
  return absl::OkStatus();
}

absl::Status VocabularyBuilder::AddToken(absl::string_view where, const std::string& written,
                                         TokenId id) {
  ids_.emplace(written, id);
  if (const auto added = added_ids_.find(written); added != added_ids_.end()) {
    return SameId(where, written, id, added->second);
  }
  absl::StatusOr<std::string> bytes = BytesFromAlphabet(written);
  if (!bytes.ok()) {
    return Malformed(where,
                     absl::StrCat("token ", Quoted(written), ": ", bytes.status().message()));
  }
  if (bytes->empty()) return Malformed(where, "a token must not be empty");
  return Place(where, id, *std::move(bytes));
}

absl::Status VocabularyBuilder::AddMerge(absl::string_view where, absl::string_view left,
                                         absl::string_view right) {
  const auto id_of = [&](absl::string_view written) -> absl::StatusOr<TokenId> {
    const auto found = ids_.find(written);
    if (found != ids_.end()) return found->second;
    return Malformed(
        where, absl::StrCat(Quoted(written), " of the merge ",
                            Quoted(absl::StrCat(left, " ", right)), " is not in the vocabulary"));
  };
  const auto left_id = id_of(left);
  if (!left_id.ok()) return left_id.status();
  const auto right_id = id_of(right);
  if (!right_id.ok()) return right_id.status();
  const auto whole_id = id_of(absl::StrCat(left, right));
  if (!whole_id.ok()) return whole_id.status();
  vocabulary_.merges.push_back({*left_id, *right_id, *whole_id});
  return absl::OkStatus();
}

absl::StatusOr<Vocabulary> VocabularyBuilder::Finish(absl::string_view where) {
  for (std::size_t byte = 0; byte < vocabulary_.byte_tokens.size(); ++byte) {
    const std::string written = BytesToAlphabet(std::string(1, static_cast<char>(byte)));
    const auto found = ids_.find(written);
    if (found == ids_.end()) {
      return Malformed(where, absl::StrFormat("no token for the byte 0x%02x, written '%s'; a "
                                              "byte-level vocabulary has all 256",
                                              byte, written));
    }
    vocabulary_.byte_tokens[byte] = found->second;
  }
  return std::exchange(*this, {}).vocabulary_;
}

}  // namespace cascade::model
