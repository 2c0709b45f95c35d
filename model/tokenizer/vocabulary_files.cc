// SPDX-License-Identifier: Apache-2.0

#include "model/tokenizer/vocabulary_files.h"

#include <cstddef>
#include <string>
#include <utility>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "model/json_document.h"
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

absl::Status AddTokens(NamedText vocab_json, VocabularyBuilder& builder) {
  return ForEachId(vocab_json,
                   [&](const std::string& written, TokenId id, absl::string_view where) {
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
  absl::ConsumePrefix(&rest, "\xEF\xBB\xBF");  // a byte order mark
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

// Adds the token with `role` to `ids`. An error if there is none.
absl::Status AppendRole(absl::string_view where, absl::string_view role,
                        const TokenizerSettings& settings, const VocabularyBuilder& builder,
                        std::vector<TokenId>& ids) {
  const std::string* text = settings.Role(role);
  if (text == nullptr) return absl::OkStatus();  // as in transformers
  const TokenId id = builder.IdOf(*text);
  if (id == kNoToken) {
    return Malformed(where, absl::StrCat("the ", role, " ", Quoted(*text),
                                         ", which tokenizer_config.json has added to each text, "
                                         "is not in the vocabulary"));
  }
  ids.push_back(id);
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<TokenizerParts> ParseVocabularyFiles(NamedText vocab_json, NamedText merges_txt,
                                                    const TokenizerSettings& settings) {
  if (!settings.IsGpt2()) {
    return Malformed(
        vocab_json.name,
        absl::StrCat("tokenizer_config.json says tokenizer_class ",
                     Quoted(settings.tokenizer_class),
                     "; without a tokenizer.json only GPT2Tokenizer's rules are known"));
  }
  TokenizerParts parts;
  parts.warnings = settings.warnings;
  VocabularyBuilder builder;
  absl::Status status = settings.Declare(vocab_json.name, builder);
  if (!status.ok()) return status;
  if (status = AddTokens(vocab_json, builder); !status.ok()) return status;
  if (status = AddMerges(merges_txt, builder); !status.ok()) return status;
  if (status = builder.PlaceDeclared(vocab_json.name); !status.ok()) return status;
  if (settings.add_bos_token) {
    status = AppendRole(vocab_json.name, "bos_token", settings, builder, parts.rules.prefix);
    if (!status.ok()) return status;
  }
  if (settings.add_eos_token) {
    status = AppendRole(vocab_json.name, "eos_token", settings, builder, parts.rules.suffix);
    if (!status.ok()) return status;
  }
  WarnOfIds(vocab_json.name, builder, parts.warnings);
  absl::StatusOr<Vocabulary> vocabulary = builder.Finish(vocab_json.name);
  if (!vocabulary.ok()) return vocabulary.status();
  parts.vocabulary = *std::move(vocabulary);
  parts.rules.add_prefix_space = settings.add_prefix_space.value_or(false);
  return parts;
}

}  // namespace cascade::model
