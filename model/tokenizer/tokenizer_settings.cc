// SPDX-License-Identifier: Apache-2.0

#include "model/tokenizer/tokenizer_settings.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <unordered_set>
#include <utility>

#include "absl/algorithm/container.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "model/json_document.h"
#include "model/tokenizer/added_token_json.h"
#include "nlohmann/json.hpp"

namespace cascade::model {
namespace {

using nlohmann::json;
using Special = TokenizerSettings::Special;

// In the order in which transformers gives ids to those that have none.
constexpr std::array<const char*, 7> kRoles = {"bos_token", "eos_token", "unk_token", "sep_token",
                                               "pad_token", "cls_token", "mask_token"};
constexpr std::array<const char*, 2> kLists = {"additional_special_tokens", "extra_special_tokens"};

// Settings of transformers that nothing here does when they are true, and what that means.
constexpr std::array<std::pair<const char*, const char*>, 3> kNotFollowed = {
    {{"clean_up_tokenization_spaces", "spaces before punctuation stay in the text"},
     {"split_special_tokens", "special tokens in a text are one token each, where they are parsed"},
     {"do_lower_case", "a text keeps its capital letters"}}};

// The three roles that GPT2Tokenizer has a default for.
bool HasDefault(absl::string_view role) {
  return role == "bos_token" || role == "eos_token" || role == "unk_token";
}

// Puts `special` in the place of the one with its role, or, if the role is a list's, beside it.
void Set(Special special, std::vector<Special>& specials) {
  const auto same =
      absl::c_linear_search(kLists, special.role)
          ? specials.end()
          : absl::c_find_if(specials, [&](const Special& s) { return s.role == special.role; });
  if (same != specials.end()) {
    *same = std::move(special);
  } else {
    specials.push_back(std::move(special));
  }
}

// Reads one file's member of a role or a list: a token, or several.
absl::Status ReadSpecials(absl::string_view where, const std::string& role, const json& value,
                          std::vector<Special>& specials) {
  if (value.is_null()) {
    std::erase_if(specials, [&](const Special& special) { return special.role == role; });
    specials.push_back({role, {}});  // said to be none
    return absl::OkStatus();
  }
  const bool is_list = absl::c_linear_search(kLists, role);
  if (is_list && (value.is_array() || value.is_object())) {
    for (const auto& [key, item] : value.items()) {
      absl::Status read = ReadSpecials(absl::StrCat(where, "[", key, "]"), role, item, specials);
      if (!read.ok()) return read;
    }
    return absl::OkStatus();
  }
  absl::StatusOr<AddedToken> token = ParseAddedToken(where, value);
  if (!token.ok()) return token.status();
  token->special = true;
  if (!token->text.empty()) Set({role, *std::move(token)}, specials);
  return absl::OkStatus();
}

// A file's members that are roles or lists of special tokens, other "..._token" members included.
absl::Status ReadAllSpecials(absl::string_view file, const json& object,
                             std::vector<Special>& specials) {
  for (const auto& [key, value] : object.items()) {
    const bool is_known = absl::c_linear_search(kRoles, key) || absl::c_linear_search(kLists, key);
    const bool is_models_own = absl::EndsWith(key, "_token") && value.is_string();
    if (!is_known && !is_models_own) continue;
    absl::Status read = ReadSpecials(absl::StrCat(file, ": ", key), key, value, specials);
    if (!read.ok()) return read;
  }
  return absl::OkStatus();
}

absl::Status ReadFlag(absl::string_view file, const json& object, const char* key,
                      std::optional<bool>& flag) {
  const auto found = object.find(key);
  if (found == object.end() || found->is_null()) return absl::OkStatus();
  if (!found->is_boolean()) {
    return Malformed(absl::StrCat(file, ": ", key),
                     absl::StrCat("expected true or false, found ", Shown(*found)));
  }
  flag = found->get<bool>();
  return absl::OkStatus();
}

// "added_tokens_decoder": {"50257": {"content": "[PAD]", ...}}
absl::Status ReadAddedTokensDecoder(absl::string_view where, const json& decoder,
                                    std::vector<AddedToken>& added) {
  if (!decoder.is_object()) {
    return Malformed(where, absl::StrCat("expected an object of tokens, found ", Shown(decoder)));
  }
  for (const auto& [key, value] : decoder.items()) {
    const std::string at = absl::StrCat(where, ": key ", Quoted(key));
    std::uint64_t number = 0;
    if (!absl::SimpleAtoi(key, &number)) return Malformed(at, "expected a token id");
    const absl::StatusOr<TokenId> id = ParseTokenId(at, number);
    if (!id.ok()) return id.status();
    absl::StatusOr<AddedToken> token = ParseAddedToken(at, value);
    if (!token.ok()) return token.status();
    token->id = *id;
    added.push_back(*std::move(token));
  }
  return absl::OkStatus();
}

// {"[PAD]": 50257}: special if it has a role.
absl::Status ReadAddedTokens(NamedText file, const std::vector<Special>& specials,
                             std::vector<AddedToken>& added) {
  const absl::StatusOr<JsonDocument> document = ParseJsonObject(file.text, file.name);
  if (!document.ok()) return document.status();
  std::unordered_set<std::string> names;
  for (const Special& special : specials) names.insert(special.token.text);
  for (const auto& [text, value] : (*document)->items()) {
    const std::string where = absl::StrCat(file.name, ": key ", Quoted(text));
    const absl::StatusOr<TokenId> id = ParseTokenId(where, value);
    if (!id.ok()) return id.status();
    const bool special = text == kEndOfText || names.contains(text);
    added.push_back({.text = text, .id = *id, .special = special, .normalized = !special});
  }
  return absl::OkStatus();
}

absl::Status ReadTokenizerConfig(NamedText file, const json& config, TokenizerSettings& settings) {
  if (const auto found = config.find("tokenizer_class");
      found != config.end() && found->is_string()) {
    settings.tokenizer_class = found->get<std::string>();
  }
  std::optional<bool> add_bos_token;
  std::optional<bool> add_eos_token;
  absl::Status status = ReadFlag(file.name, config, "add_prefix_space", settings.add_prefix_space);
  status.Update(ReadFlag(file.name, config, "add_bos_token", add_bos_token));
  status.Update(ReadFlag(file.name, config, "add_eos_token", add_eos_token));
  for (const auto& [key, effect] : kNotFollowed) {
    std::optional<bool> flag;
    status.Update(ReadFlag(file.name, config, key, flag));
    if (!flag.value_or(false)) continue;
    settings.warnings.push_back(absl::StrCat(file.name, ": ", key, " is not followed: ", effect));
  }
  if (const auto errors = config.find("errors");
      errors != config.end() && errors->is_string() && *errors != "replace") {
    settings.warnings.push_back(absl::StrCat(
        file.name, ": errors=", Shown(*errors),
        " is not followed: bytes that are not UTF-8 show as U+FFFD, as with \"replace\""));
  }
  if (const auto code = config.find("auto_map"); code != config.end() && !code->is_null()) {
    settings.warnings.push_back(absl::StrCat(
        file.name, ": auto_map is not followed: code of the tokenizer's own is not run"));
  }
  settings.add_bos_token = add_bos_token.value_or(false);
  settings.add_eos_token = add_eos_token.value_or(false);
  status.Update(ReadAllSpecials(file.name, config, settings.specials));
  return status;
}

void Sort(TokenizerSettings& settings) {
  absl::c_sort(settings.added,
               [](const AddedToken& a, const AddedToken& b) { return a.id < b.id; });
  const auto place = [](const Special& special) {
    return absl::c_find(kRoles, special.role) - kRoles.begin();
  };
  std::stable_sort(settings.specials.begin(), settings.specials.end(),
                   [&](const Special& a, const Special& b) { return place(a) < place(b); });
}

}  // namespace

bool TokenizerSettings::IsGpt2() const {
  return tokenizer_class.empty() || tokenizer_class == "GPT2Tokenizer" ||
         tokenizer_class == "GPT2TokenizerFast";
}

const std::string* TokenizerSettings::Role(absl::string_view role) const {
  static const std::string* const end_of_text = new std::string(kEndOfText);
  for (const Special& special : specials) {
    if (special.role == role) return special.token.text.empty() ? nullptr : &special.token.text;
  }
  return IsGpt2() && HasDefault(role) ? end_of_text : nullptr;
}

absl::Status TokenizerSettings::Declare(absl::string_view where, VocabularyBuilder& builder) const {
  for (const AddedToken& token : added) {
    if (absl::Status status = builder.AddAddedToken(where, token); !status.ok()) return status;
  }
  for (const char* role : kRoles) {
    const std::string* text = Role(role);
    if (text != nullptr && *text == kEndOfText) {
      builder.DeclareSpecial({.text = *text, .id = kNoToken, .special = true}, Missing::kLeaveOut);
    }
  }
  for (const Special& special : specials) {
    if (!special.token.text.empty()) builder.DeclareSpecial(special.token, Missing::kAdd);
  }
  return absl::OkStatus();
}

absl::StatusOr<TokenizerSettings> ParseTokenizerSettings(const TokenizerSettingsFiles& files) {
  TokenizerSettings settings;
  bool has_decoder = false;
  if (files.tokenizer_config.has_value()) {
    const NamedText file = *files.tokenizer_config;
    const absl::StatusOr<JsonDocument> config = ParseJsonObject(file.text, file.name);
    if (!config.ok()) return config.status();
    absl::Status read = ReadTokenizerConfig(file, **config, settings);
    if (!read.ok()) return read;
    const auto decoder = (*config)->find("added_tokens_decoder");
    has_decoder = decoder != (*config)->end() && !decoder->is_null();
    if (has_decoder) {
      read = ReadAddedTokensDecoder(absl::StrCat(file.name, ": added_tokens_decoder"), *decoder,
                                    settings.added);
      if (!read.ok()) return read;
    }
  }
  if (!has_decoder && files.special_tokens_map.has_value()) {
    const NamedText file = *files.special_tokens_map;
    const absl::StatusOr<JsonDocument> map = ParseJsonObject(file.text, file.name);
    if (!map.ok()) return map.status();
    absl::Status read = ReadAllSpecials(file.name, **map, settings.specials);
    if (!read.ok()) return read;
  }
  if (!has_decoder && files.added_tokens.has_value()) {
    absl::Status read = ReadAddedTokens(*files.added_tokens, settings.specials, settings.added);
    if (!read.ok()) return read;
  }
  Sort(settings);
  return settings;
}

}  // namespace cascade::model
