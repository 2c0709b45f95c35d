// SPDX-License-Identifier: Apache-2.0
// tokenizer.json.
#include <cstddef>
#include <string>

#include "absl/strings/str_cat.h"
#include "model/json_document.h"
#include "model/tokenizer/vocabulary.h"
#include "model/tokenizer/vocabulary_builder.h"
#include "nlohmann/json.hpp"

namespace cascade::model {
namespace {

using nlohmann::json;

// The member `key` of an object; null where there is none.
const json& Member(const json& object, const char* key) {
  static const json null;
  if (!object.is_object()) return null;
  const auto found = object.find(key);
  return found == object.end() ? null : *found;
}

// Refuses the member `key` unless it is absent or equal to one of the two.
absl::Status Expect(absl::string_view where, const json& object, const char* key, const json& usual,
                    const json& other) {
  const json& value = Member(object, key);
  if (value.is_null() || value == usual || value == other) return absl::OkStatus();
  return Malformed(
      absl::StrCat(where, ".", key),
      absl::StrCat("expected ", Shown(usual), ", as GPT-2 has it, found ", Shown(value)));
}

absl::Status CheckPreTokenizer(absl::string_view name, const json& document) {
  const std::string where = absl::StrCat(name, ": pre_tokenizer");
  const json& pre_tokenizer = Member(document, "pre_tokenizer");
  const json& type = Member(pre_tokenizer, "type");
  if (type != "ByteLevel") {
    return Malformed(absl::StrCat(where, ".type"),
                     absl::StrCat("expected \"ByteLevel\", as GPT-2 has it, found ", Shown(type)));
  }
  absl::Status checked = Expect(where, pre_tokenizer, "add_prefix_space", false, false);
  if (!checked.ok()) return checked;
  return Expect(where, pre_tokenizer, "use_regex", true, true);
}

// Everything that would make other tokens of a text than GPT-2's rules do.
absl::Status CheckRules(absl::string_view name, const json& document) {
  const json& normalizer = Member(document, "normalizer");
  if (!normalizer.is_null()) {
    return Malformed(absl::StrCat(name, ": normalizer"),
                     absl::StrCat("expected null, as GPT-2 has it, found ", Shown(normalizer)));
  }
  if (absl::Status checked = CheckPreTokenizer(name, document); !checked.ok()) return checked;
  const std::string where = absl::StrCat(name, ": model");
  const json& model = Member(document, "model");
  struct Rule {
    const char* key;
    json usual;
    json other;
  };
  const Rule rules[] = {
      {"type", "BPE", "BPE"},
      {"dropout", nullptr, 0.0},
      {"continuing_subword_prefix", "", ""},
      {"end_of_word_suffix", "", ""},
      {"byte_fallback", false, false},
      {"ignore_merges", false, false},
  };
  for (const Rule& rule : rules) {
    absl::Status checked = Expect(where, model, rule.key, rule.usual, rule.other);
    if (!checked.ok()) return checked;
  }
  return absl::OkStatus();
}

absl::Status AddAddedToken(absl::string_view where, const json& token, VocabularyBuilder& builder) {
  const json& content = Member(token, "content");
  if (!content.is_string()) {
    return Malformed(where, absl::StrCat("expected an object with a string \"content\", found ",
                                         Shown(token.is_object() ? content : token)));
  }
  const absl::StatusOr<TokenId> id = ParseTokenId(absl::StrCat(where, ".id"), Member(token, "id"));
  if (!id.ok()) return id.status();
  const json& special = Member(token, "special");
  if (!special.is_null() && !special.is_boolean()) {
    return Malformed(absl::StrCat(where, ".special"),
                     absl::StrCat("expected true or false, found ", Shown(special)));
  }
  for (const char* option : {"lstrip", "rstrip", "single_word"}) {
    absl::Status checked = Expect(where, token, option, false, false);
    if (!checked.ok()) return checked;
  }
  return builder.AddAddedToken(where, {content.get<std::string>(), *id, special == true});
}

absl::Status AddAddedTokens(absl::string_view name, const json& document,
                            VocabularyBuilder& builder) {
  const std::string where = absl::StrCat(name, ": added_tokens");
  const json& added_tokens = Member(document, "added_tokens");
  if (added_tokens.is_null()) return absl::OkStatus();
  if (!added_tokens.is_array()) {
    return Malformed(where, absl::StrCat("expected an array, found ", Shown(added_tokens)));
  }
  for (std::size_t i = 0; i < added_tokens.size(); ++i) {
    absl::Status added = AddAddedToken(absl::StrCat(where, "[", i, "]"), added_tokens[i], builder);
    if (!added.ok()) return added;
  }
  return absl::OkStatus();
}

absl::Status AddTokens(absl::string_view name, const json& model, VocabularyBuilder& builder) {
  const json& vocab = Member(model, "vocab");
  if (!vocab.is_object()) {
    return Malformed(absl::StrCat(name, ": model.vocab"),
                     absl::StrCat("expected an object of token ids, found ", Shown(vocab)));
  }
  for (const auto& [written, value] : vocab.items()) {
    const std::string where = absl::StrCat(name, ": model.vocab: key ", Quoted(written));
    const absl::StatusOr<TokenId> id = ParseTokenId(where, value);
    if (!id.ok()) return id.status();
    if (absl::Status added = builder.AddToken(where, written, *id); !added.ok()) return added;
  }
  return absl::OkStatus();
}

// A merge is "left right" or, since tokenizers 0.20, ["left", "right"].
absl::Status AddMerge(absl::string_view where, const json& merge, VocabularyBuilder& builder) {
  if (merge.is_array() && merge.size() == 2 && merge[0].is_string() && merge[1].is_string()) {
    return builder.AddMerge(where, merge[0].get_ref<const std::string&>(),
                            merge[1].get_ref<const std::string&>());
  }
  if (merge.is_string()) {
    const auto& written = merge.get_ref<const std::string&>();
    const std::size_t space = written.find(' ');
    if (space != std::string::npos && written.find(' ', space + 1) == std::string::npos) {
      return builder.AddMerge(where, written.substr(0, space), written.substr(space + 1));
    }
  }
  return Malformed(where, absl::StrCat("expected \"left right\" or [\"left\", \"right\"], found ",
                                       Shown(merge)));
}

absl::Status AddMerges(absl::string_view name, const json& model, VocabularyBuilder& builder) {
  const std::string where = absl::StrCat(name, ": model.merges");
  const json& merges = Member(model, "merges");
  if (!merges.is_array()) {
    return Malformed(where, absl::StrCat("expected an array, found ", Shown(merges)));
  }
  for (std::size_t i = 0; i < merges.size(); ++i) {
    absl::Status added = AddMerge(absl::StrCat(where, "[", i, "]"), merges[i], builder);
    if (!added.ok()) return added;
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<Vocabulary> ParseTokenizerJson(NamedText tokenizer_json) {
  const absl::string_view name = tokenizer_json.name;
  const absl::StatusOr<JsonDocument> document = ParseJsonObject(tokenizer_json.text, name);
  if (!document.ok()) return document.status();
  if (absl::Status checked = CheckRules(name, **document); !checked.ok()) return checked;
  const json& model = Member(**document, "model");
  VocabularyBuilder builder;
  if (absl::Status added = AddAddedTokens(name, **document, builder); !added.ok()) return added;
  if (absl::Status added = AddTokens(name, model, builder); !added.ok()) return added;
  if (absl::Status added = AddMerges(name, model, builder); !added.ok()) return added;
  return builder.Finish(absl::StrCat(name, ": model.vocab"));
}

}  // namespace cascade::model
