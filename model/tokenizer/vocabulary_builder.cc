// SPDX-License-Identifier: Apache-2.0

#include "model/tokenizer/vocabulary_builder.h"

#include <utility>

#include "absl/algorithm/container.h"
#include "absl/strings/str_cat.h"
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
  const auto [added, is_new] =
      added_places_.emplace(token.text, static_cast<TokenId>(vocabulary_.added.size()));
  if (!is_new) {
    return SameId(where, token.text, token.id, vocabulary_.added[added->second].id);
  }
  const auto declared = declared_places_.find(token.text);
  if (declared != declared_places_.end()) {
    token.special = true;
    declared_[declared->second].has_id = true;
  }
  vocabulary_.added.push_back(token);
  return Place(where, token.id, std::move(token.text));
}

void VocabularyBuilder::DeclareSpecial(AddedToken token, Missing missing) {
  if (const auto added = added_places_.find(token.text); added != added_places_.end()) {
    vocabulary_.added[added->second].special = true;
    return;
  }
  const auto [place, is_new] =
      declared_places_.emplace(token.text, static_cast<TokenId>(declared_.size()));
  if (is_new) {
    declared_.push_back({std::move(token), missing, /*has_id=*/false});
  } else if (missing == Missing::kAdd) {
    declared_[place->second] = {std::move(token), missing, /*has_id=*/false};
  }
}

absl::Status VocabularyBuilder::AddToken(absl::string_view where, const std::string& written,
                                         TokenId id) {
  ids_.emplace(written, id);
  if (const auto added = added_places_.find(written); added != added_places_.end()) {
    return SameId(where, written, id, vocabulary_.added[added->second].id);
  }
  if (const auto declared = declared_places_.find(written); declared != declared_places_.end()) {
    AddedToken token = declared_[declared->second].token;
    token.id = id;
    return AddAddedToken(where, std::move(token));
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

TokenId VocabularyBuilder::IdOf(absl::string_view text) const {
  if (const auto found = ids_.find(text); found != ids_.end()) return found->second;
  const auto added = added_places_.find(text);
  return added == added_places_.end() ? kNoToken : vocabulary_.added[added->second].id;
}

absl::Status VocabularyBuilder::PlaceDeclared(absl::string_view where) {
  for (const Declared& declared : declared_) {
    if (declared.has_id || declared.missing == Missing::kLeaveOut) continue;
    AddedToken with_id = declared.token;
    with_id.id = static_cast<TokenId>(vocabulary_.tokens.size());
    absl::Status added = AddAddedToken(where, std::move(with_id));
    if (!added.ok()) return added;
  }
  return absl::OkStatus();
}

const std::string* VocabularyBuilder::LeftOut() const {
  const auto left_out =
      absl::c_find_if(declared_, [](const Declared& declared) { return !declared.has_id; });
  return left_out == declared_.end() ? nullptr : &left_out->token.text;
}

const AddedToken* VocabularyBuilder::FirstAfterGap() const {
  std::vector<const AddedToken*> beyond;
  for (const AddedToken& token : vocabulary_.added) {
    if (!ids_.contains(token.text)) beyond.push_back(&token);
  }
  absl::c_sort(beyond, [](const AddedToken* a, const AddedToken* b) { return a->id < b->id; });
  std::size_t next = ids_.size();
  for (const AddedToken* token : beyond) {
    if (token->id != next++) return token;
  }
  return nullptr;
}

absl::StatusOr<Vocabulary> VocabularyBuilder::Finish(absl::string_view where) {
  if (absl::Status placed = PlaceDeclared(where); !placed.ok()) return placed;
  bool has_bytes = false;
  for (std::size_t byte = 0; byte < vocabulary_.byte_tokens.size(); ++byte) {
    const auto token = ids_.find(BytesToAlphabet(std::string(1, static_cast<char>(byte))));
    vocabulary_.byte_tokens[byte] = token == ids_.end() ? kNoToken : token->second;
    has_bytes = has_bytes || token != ids_.end();
  }
  if (!has_bytes) return Malformed(where, "no token for any of the 256 bytes: not byte-level BPE");
  return std::exchange(*this, {}).vocabulary_;
}

void WarnOfIds(absl::string_view where, const VocabularyBuilder& builder,
               std::vector<std::string>& warnings) {
  if (const AddedToken* token = builder.FirstAfterGap()) {
    warnings.push_back(absl::StrCat(
        where, ": the added token ", Quoted(token->text), " has the id ", token->id,
        " that the file gives it; tokenizers would give it the next one that is free"));
  }
  if (const std::string* text = builder.LeftOut()) {
    warnings.push_back(absl::StrCat(
        where, ": the vocabulary lacks ", Quoted(*text),
        ", a special token of GPT2Tokenizer, and here it is text; transformers gives it the next "
        "id"));
  }
}

}  // namespace cascade::model
