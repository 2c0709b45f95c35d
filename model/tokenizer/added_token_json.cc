// SPDX-License-Identifier: Apache-2.0

#include "model/tokenizer/added_token_json.h"

#include <string>

#include "absl/strings/str_cat.h"
#include "model/json_document.h"
#include "model/tokenizer/vocabulary_builder.h"
#include "nlohmann/json.hpp"

namespace cascade::model {

absl::StatusOr<AddedToken> ParseAddedToken(absl::string_view where, const nlohmann::json& value) {
  AddedToken token = {.text = "", .id = kNoToken, .special = false};
  if (value.is_string()) {
    token.text = value.get<std::string>();
    return token;
  }
  const auto content = value.is_object() ? value.find("content") : value.end();
  if (!value.is_object() || content == value.end() || !content->is_string()) {
    return Malformed(
        where, absl::StrCat("expected an object with a string \"content\", found ", Shown(value)));
  }
  token.text = content->get<std::string>();
  token.normalized = true;
  struct Flag {
    const char* key;
    bool* flag;
  };
  for (const auto& [key, flag] : {Flag{"special", &token.special},
                                  {"single_word", &token.single_word},
                                  {"lstrip", &token.lstrip},
                                  {"rstrip", &token.rstrip},
                                  {"normalized", &token.normalized}}) {
    const auto found = value.find(key);
    if (found == value.end() || found->is_null()) continue;
    if (!found->is_boolean()) {
      return Malformed(absl::StrCat(where, ".", key),
                       absl::StrCat("expected true or false, found ", Shown(*found)));
    }
    *flag = found->get<bool>();
  }
  return token;
}

}  // namespace cascade::model
