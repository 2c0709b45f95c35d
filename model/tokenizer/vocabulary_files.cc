// SPDX-License-Identifier: Apache-2.0
// vocab.json, merges.txt and added_tokens.json.
#include <cstddef>
#include <string>

#include "absl/functional/function_ref.h"
#include "absl/strings/str_cat.h"
#include "model/json_document.h"
#include "model/tokenizer/vocabulary.h"
#include "model/tokenizer/vocabulary_builder.h"
#include "nlohmann/json.hpp"

namespace cascade::model {
namespace {

// Calls `take` with the key, the id and where they stand, for every member of the object in `file`.
absl::Status ForEachId(
    NamedText file,
    absl::FunctionRef<absl::Status(const std::string&, TokenId, absl::string_view)> take) {
  const absl::StatusOr<JsonDocument> document = ParseJsonObject(file.text, file.name);
  if (!document.ok()) return document.status();
  for (const auto& [key, value] : (*document)->items()) {
    const std::string where = absl::StrCat(file.name, ": key ", Quoted(key));
    const absl::StatusOr<TokenId> id = ParseTokenId(where, value);
    if (!id.ok()) return id.status();
    if (absl::Status taken = take(key, *id, where); !taken.ok()) return taken;
  }
  return absl::OkStatus();
}

absl::Status AddAddedTokens(NamedText added_tokens_json, VocabularyBuilder& builder) {
  return ForEachId(added_tokens_json,
                   [&](const std::string& text, TokenId id, absl::string_view where) {
                     return builder.AddAddedToken(where, {text, id, /*special=*/true});
                   });
}

absl::Status AddTokens(NamedText vocab_json, VocabularyBuilder& builder) {
  return ForEachId(vocab_json,
                   [&](const std::string& written, TokenId id, absl::string_view where) {
                     if (written == kEndOfText) {
                       return builder.AddAddedToken(where, {written, id, /*special=*/true});
                     }
                     return builder.AddToken(where, written, id);
                   });
}

// Cuts the first line off `text`, without its ending.
absl::string_view TakeLine(absl::string_view& text) {
  const std::size_t end = text.find('\n');
  absl::string_view line = text.substr(0, end);
  text.remove_prefix(end == absl::string_view::npos ? text.size() : end + 1);
  if (!line.empty() && line.back() == '\r') line.remove_suffix(1);
  return line;
}

absl::Status AddMerges(NamedText merges_txt, VocabularyBuilder& builder) {
  absl::string_view rest = merges_txt.text;
  for (std::size_t number = 1; !rest.empty(); ++number) {
    const absl::string_view line = TakeLine(rest);
    if (number == 1 && line.substr(0, 8) == "#version") continue;
    if (line.empty() && rest.empty()) break;
    const std::string where = absl::StrCat(merges_txt.name, ": line ", number);
    const std::size_t space = line.find(' ');
    if (space == absl::string_view::npos || line.find(' ', space + 1) != line.npos) {
      return Malformed(
          where,
          absl::StrCat("expected two tokens with one space between them, found ", Quoted(line)));
    }
    absl::Status added = builder.AddMerge(where, line.substr(0, space), line.substr(space + 1));
    if (!added.ok()) return added;
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<Vocabulary> ParseVocabularyFiles(NamedText vocab_json, NamedText merges_txt,
                                                std::optional<NamedText> added_tokens_json) {
  VocabularyBuilder builder;
  if (added_tokens_json.has_value()) {
    absl::Status added = AddAddedTokens(*added_tokens_json, builder);
    if (!added.ok()) return added;
  }
  if (absl::Status added = AddTokens(vocab_json, builder); !added.ok()) return added;
  if (absl::Status added = AddMerges(merges_txt, builder); !added.ok()) return added;
  return builder.Finish(vocab_json.name);
}

}  // namespace cascade::model
