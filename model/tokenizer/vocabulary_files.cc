// vocab.json and merges.txt.
#include <cstddef>
#include <string>

#include "absl/strings/str_cat.h"
#include "model/tokenizer/vocabulary.h"
#include "model/tokenizer/vocabulary_builder.h"
#include "nlohmann/json.hpp"

namespace cascade::model {
namespace {

absl::Status AddTokens(NamedText vocab_json, VocabularyBuilder& builder) {
  const absl::StatusOr<nlohmann::json> vocab = ParseJson(vocab_json);
  if (!vocab.ok()) return vocab.status();
  if (!vocab->is_object()) {
    return Malformed(vocab_json.name,
                     absl::StrCat("expected an object of token ids, found ", vocab->type_name()));
  }
  if (const auto end_of_text = vocab->find(kEndOfText); end_of_text != vocab->end()) {
    const std::string where = absl::StrCat(vocab_json.name, ": key '", kEndOfText, "'");
    const absl::StatusOr<TokenId> id = ParseTokenId(where, *end_of_text);
    if (!id.ok()) return id.status();
    absl::Status added =
        builder.AddAddedToken(where, {std::string(kEndOfText), *id, /*special=*/true});
    if (!added.ok()) return added;
  }
  for (const auto& [written, value] : vocab->items()) {
    const std::string where = absl::StrCat(vocab_json.name, ": key '", written, "'");
    const absl::StatusOr<TokenId> id = ParseTokenId(where, value);
    if (!id.ok()) return id.status();
    if (absl::Status added = builder.AddToken(where, written, *id); !added.ok()) return added;
  }
  return absl::OkStatus();
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
          absl::StrCat("expected two tokens with one space between them, found '", line, "'"));
    }
    absl::Status added = builder.AddMerge(where, line.substr(0, space), line.substr(space + 1));
    if (!added.ok()) return added;
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<Vocabulary> ParseVocabularyFiles(NamedText vocab_json, NamedText merges_txt) {
  VocabularyBuilder builder;
  if (absl::Status added = AddTokens(vocab_json, builder); !added.ok()) return added;
  if (absl::Status added = AddMerges(merges_txt, builder); !added.ok()) return added;
  return builder.Finish(vocab_json.name);
}

}  // namespace cascade::model
