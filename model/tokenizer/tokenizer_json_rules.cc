// SPDX-License-Identifier: Apache-2.0

#include "model/tokenizer/tokenizer_json_rules.h"

#include <array>
#include <cstddef>
#include <string>
#include <utility>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "model/json_document.h"
#include "model/tokenizer/json_member.h"
#include "model/tokenizer/vocabulary_builder.h"
#include "nlohmann/json.hpp"

namespace cascade::model {
namespace {

using nlohmann::json;

constexpr std::array<std::pair<const char*, Normalization>, 4> kNormalizations = {
    {{"NFC", Normalization::kNfc},
     {"NFD", Normalization::kNfd},
     {"NFKC", Normalization::kNfkc},
     {"NFKD", Normalization::kNfkd}}};

// GPT-2's pattern as files write it: OpenAI's, and what `tokenizers` shows of ByteLevel's own.
constexpr std::array<absl::string_view, 2> kWordPatterns = {
    R"('s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+)",
    R"('(?:[sdmt]|ll|ve|re)| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+)"};

// Calls `take` with each part of a rule: itself, or, if it is a Sequence, each of its member
// `list`. Nothing for null.
absl::Status ForEach(const std::string& where, const json& rule, const char* list,
                     absl::FunctionRef<absl::Status(const std::string&, const json&)> take) {
  if (rule.is_null()) return absl::OkStatus();
  if (Member(rule, "type") != "Sequence") return take(where, rule);
  const json& parts = Member(rule, list);
  if (!parts.is_array()) {
    return Malformed(absl::StrCat(where, ".", list),
                     absl::StrCat("expected an array, found ", Shown(parts)));
  }
  for (std::size_t i = 0; i < parts.size(); ++i) {
    absl::Status taken = ForEach(absl::StrCat(where, ".", list, "[", i, "]"), parts[i], list, take);
    if (!taken.ok()) return taken;
  }
  return absl::OkStatus();
}

absl::Status Unknown(const std::string& where, absl::string_view expected, const json& found) {
  return Malformed(absl::StrCat(where, ".type"),
                   absl::StrCat("expected ", expected, ", found ", Shown(Member(found, "type"))));
}

// A member that is true or false; `otherwise` if it is missing.
absl::StatusOr<bool> Flag(const std::string& where, const json& rule, const char* key,
                          bool otherwise) {
  const json& value = Member(rule, key);
  if (value.is_null()) return otherwise;
  if (value.is_boolean()) return value.get<bool>();
  return Malformed(absl::StrCat(where, ".", key),
                   absl::StrCat("expected true or false, found ", Shown(value)));
}

absl::Status ReadNormalizer(const std::string& where, const json& rule, EncodingRules& rules) {
  for (const auto& [type, normalization] : kNormalizations) {
    if (Member(rule, "type") != type) continue;
    rules.normalizations.push_back(normalization);
    return absl::OkStatus();
  }
  return Unknown(where, "NFC, NFD, NFKC, NFKD or a Sequence of them", rule);
}

absl::Status ReadByteLevel(const std::string& where, const json& rule, EncodingRules& rules) {
  const absl::StatusOr<bool> add_prefix_space = Flag(where, rule, "add_prefix_space", true);
  if (!add_prefix_space.ok()) return add_prefix_space.status();
  const absl::StatusOr<bool> use_regex = Flag(where, rule, "use_regex", true);
  if (!use_regex.ok()) return use_regex.status();
  rules.add_prefix_space = *add_prefix_space;
  rules.words = *use_regex;
  return absl::OkStatus();
}

// {"pattern": {"Regex": "..."}, "behavior": "Isolated", "invert": false}
absl::Status ReadSplit(const std::string& where, const json& rule, EncodingRules& rules) {
  const json& pattern = Member(Member(rule, "pattern"), "Regex");
  for (const absl::string_view known : kWordPatterns) {
    if (!pattern.is_string() || pattern.get_ref<const std::string&>() != known) continue;
    if (Member(rule, "behavior") != "Isolated" && Member(rule, "behavior") != "Removed") {
      return Malformed(
          absl::StrCat(where, ".behavior"),
          absl::StrCat("expected \"Isolated\", found ", Shown(Member(rule, "behavior"))));
    }
    // What the pattern leaves over is nothing, so that only this pair of settings removes nothing.
    if ((Member(rule, "behavior") == "Removed") != (Member(rule, "invert") == true)) {
      return Malformed(absl::StrCat(where, ".invert"),
                       "expected false with Isolated, or true with Removed");
    }
    rules.cuts.push_back(Cut::kWords);
    return absl::OkStatus();
  }
  return Malformed(absl::StrCat(where, ".pattern"),
                   absl::StrCat("expected GPT-2's, the Regex ", Quoted(kWordPatterns[0]),
                                ", found ", Shown(pattern)));
}

absl::Status ReadPreTokenizer(const std::string& where, const json& rule, EncodingRules& rules,
                              bool& has_bytes) {
  const json& type = Member(rule, "type");
  if (has_bytes) return Unknown(where, "nothing after ByteLevel", rule);
  if (type == "ByteLevel") {
    has_bytes = true;
    return ReadByteLevel(where, rule, rules);
  }
  if (type == "Split") return ReadSplit(where, rule, rules);
  if (type == "Digits") {
    const absl::StatusOr<bool> individual = Flag(where, rule, "individual_digits", false);
    if (!individual.ok()) return individual.status();
    rules.cuts.push_back(*individual ? Cut::kEachDigit : Cut::kDigits);
    return absl::OkStatus();
  }
  return Unknown(where, "ByteLevel, Digits, Split or a Sequence of them", rule);
}

absl::Status AppendIds(const std::string& where, const json& ids, std::vector<TokenId>& out) {
  if (!ids.is_array()) {
    return Malformed(where, absl::StrCat("expected an array of token ids, found ", Shown(ids)));
  }
  for (const json& value : ids) {
    const absl::StatusOr<TokenId> id = ParseTokenId(where, value);
    if (!id.ok()) return id.status();
    out.push_back(*id);
  }
  return absl::OkStatus();
}

// {"single": [{"SpecialToken": {"id": "<s>"}}, {"Sequence": {"id": "A"}}],
//  "special_tokens": {"<s>": {"ids": [0]}}}
absl::Status ReadTemplate(const std::string& where, const json& rule, EncodingRules& rules) {
  const json& single = Member(rule, "single");
  bool after = false;
  for (std::size_t i = 0; single.is_array() && i < single.size(); ++i) {
    const std::string at = absl::StrCat(where, ".single[", i, "]");
    if (Member(Member(single[i], "Sequence"), "id") == "A" && !after) {
      after = true;
      continue;
    }
    const json& name = Member(Member(single[i], "SpecialToken"), "id");
    if (!name.is_string()) return Malformed(at, "expected a SpecialToken, or the Sequence A once");
    const json& token =
        Member(Member(rule, "special_tokens"), name.get_ref<const std::string&>().c_str());
    absl::Status appended =
        AppendIds(absl::StrCat(where, ".special_tokens: key ", Shown(name), ".ids"),
                  Member(token, "ids"), after ? rules.suffix : rules.prefix);
    if (!appended.ok()) return appended;
  }
  return after ? absl::OkStatus()
               : Malformed(absl::StrCat(where, ".single"), "expected an array with the Sequence A");
}

// {"cls": ["<s>", 0], "sep": ["</s>", 2]}
absl::Status ReadClsAndSep(const std::string& where, const json& rule, EncodingRules& rules) {
  for (const auto& [key, ids] :
       {std::pair{"cls", &rules.prefix}, std::pair{"sep", &rules.suffix}}) {
    const json& pair = Member(rule, key);
    const std::string at = absl::StrCat(where, ".", key);
    if (!pair.is_array() || pair.size() != 2) {
      return Malformed(at, absl::StrCat("expected [text, id], found ", Shown(pair)));
    }
    const absl::StatusOr<TokenId> id = ParseTokenId(at, pair[1]);
    if (!id.ok()) return id.status();
    ids->push_back(*id);
  }
  return absl::OkStatus();
}

absl::Status ReadPostProcessor(const std::string& where, const json& rule, EncodingRules& rules) {
  const json& type = Member(rule, "type");
  if (type == "ByteLevel") return absl::OkStatus();
  if (type == "TemplateProcessing") return ReadTemplate(where, rule, rules);
  if (type == "RobertaProcessing" || type == "BertProcessing") {
    return ReadClsAndSep(where, rule, rules);
  }
  return Unknown(where,
                 "ByteLevel, TemplateProcessing, RobertaProcessing, BertProcessing or a Sequence "
                 "of them",
                 rule);
}

}  // namespace

absl::Status ParseRules(absl::string_view name, const json& document, EncodingRules& rules) {
  absl::Status status = ForEach(absl::StrCat(name, ": normalizer"), Member(document, "normalizer"),
                                "normalizers", [&](const std::string& where, const json& rule) {
                                  return ReadNormalizer(where, rule, rules);
                                });
  if (!status.ok()) return status;
  bool has_bytes = false;
  const std::string where = absl::StrCat(name, ": pre_tokenizer");
  status = ForEach(where, Member(document, "pre_tokenizer"), "pretokenizers",
                   [&](const std::string& at, const json& rule) {
                     return ReadPreTokenizer(at, rule, rules, has_bytes);
                   });
  if (!status.ok()) return status;
  if (!has_bytes)
    return Unknown(where, "ByteLevel, as GPT-2 has it", Member(document, "pre_tokenizer"));
  return ForEach(
      absl::StrCat(name, ": post_processor"), Member(document, "post_processor"), "processors",
      [&](const std::string& at, const json& rule) { return ReadPostProcessor(at, rule, rules); });
}

}  // namespace cascade::model
