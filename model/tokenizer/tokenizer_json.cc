// SPDX-License-Identifier: Apache-2.0

#include "model/tokenizer/tokenizer_json.h"

#include <cstddef>
#include <string>
#include <utility>

#include "absl/algorithm/container.h"
#include "absl/strings/str_cat.h"
#include "model/json_document.h"
#include "model/tokenizer/added_token_json.h"
#include "model/tokenizer/json_member.h"
#include "model/tokenizer/tokenizer_json_rules.h"
#include "model/tokenizer/vocabulary.h"
#include "model/tokenizer/vocabulary_builder.h"
#include "nlohmann/json.hpp"

namespace cascade::model {
namespace {

using nlohmann::json;

// Refuses the member `key` unless it is absent or equal to one of the two.
absl::Status Expect(absl::string_view where, const json& object, const char* key, const json& usual,
                    const json& other) {
  const json& value = Member(object, key);
  if (value.is_null() || value == usual || value == other) return absl::OkStatus();
  return Malformed(
      absl::StrCat(where, ".", key),
      absl::StrCat("expected ", Shown(usual), ", as GPT-2 has it, found ", Shown(value)));
}

// Everything about the merging that would make other tokens of a word than GPT-2's rules do.
absl::Status CheckModel(absl::string_view name, const json& document) {
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
      {"ignore_merges", false, true},
  };
  for (const Rule& rule : rules) {
    absl::Status checked = Expect(where, model, rule.key, rule.usual, rule.other);
    if (!checked.ok()) return checked;
  }
  return absl::OkStatus();
}

absl::Status AddAddedToken(absl::string_view where, const json& value, VocabularyBuilder& builder) {
  absl::StatusOr<AddedToken> token = ParseAddedToken(where, value);
  if (!token.ok()) return token.status();
  const absl::StatusOr<TokenId> id = ParseTokenId(absl::StrCat(where, ".id"), Member(value, "id"));
  if (!id.ok()) return id.status();
  token->id = *id;
  return builder.AddAddedToken(where, *std::move(token));
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

// Gives the bytes that have no token the model's unk_token, if it has one.
absl::Status UseUnknownToken(absl::string_view name, const json& model,
                             const VocabularyBuilder& builder, TokenId& unknown) {
  const json& unk_token = Member(model, "unk_token");
  if (!unk_token.is_string()) return absl::OkStatus();
  const std::string where = absl::StrCat(name, ": model.unk_token");
  unknown = builder.IdOf(unk_token.get_ref<const std::string&>());
  if (unknown == kNoToken) {
    return Malformed(where, absl::StrCat(Shown(unk_token), " is not in the vocabulary"));
  }
  return absl::OkStatus();
}

absl::Status ReplaceMissingBytes(absl::string_view name, const json& model, TokenId unknown,
                                 Vocabulary& vocabulary) {
  if (unknown == kNoToken || !absl::c_linear_search(vocabulary.byte_tokens, kNoToken)) {
    return absl::OkStatus();
  }
  if (Member(model, "fuse_unk") == true) {
    return Malformed(absl::StrCat(name, ": model.fuse_unk"),
                     "expected false where bytes have no token, found true");
  }
  absl::c_replace(vocabulary.byte_tokens, kNoToken, unknown);
  return absl::OkStatus();
}

// Says where transformers, or one of its versions, does otherwise than this file.
void Warn(absl::string_view name, const json& model, const TokenizerSettings& settings,
          TokenizerParts& parts) {
  const EncodingRules& rules = parts.rules;
  const bool is_plain = rules.normalizations.empty() && rules.cuts.empty() && rules.words &&
                        !parts.vocabulary.ignore_merges && !Member(model, "unk_token").is_string();
  if (settings.IsGpt2() && !is_plain) {
    parts.warnings.push_back(absl::StrCat(
        name,
        ": the normalizer, the pre_tokenizer and the model's options are followed, as in "
        "transformers 4; transformers 5 ignores them for GPT2Tokenizer, unless "
        "tokenizer_config.json says \"tokenizer_class\": \"PreTrainedTokenizerFast\""));
  }
  if (settings.add_bos_token && rules.prefix.empty()) {
    parts.warnings.push_back(absl::StrCat(
        name,
        ": its post_processor adds no token in front of a text, although "
        "tokenizer_config.json says add_bos_token; the post_processor is followed, as in "
        "transformers"));
  }
}

}  // namespace

absl::StatusOr<TokenizerParts> ParseTokenizerJson(NamedText tokenizer_json,
                                                  const TokenizerSettings& settings) {
  const absl::string_view name = tokenizer_json.name;
  const absl::StatusOr<JsonDocument> document = ParseJsonObject(tokenizer_json.text, name);
  if (!document.ok()) return document.status();
  TokenizerParts parts;
  parts.warnings = settings.warnings;
  absl::Status status = ParseRules(name, **document, parts.rules);
  status.Update(CheckModel(name, **document));
  if (!status.ok()) return status;
  const json& model = Member(**document, "model");
  VocabularyBuilder builder;
  TokenId unknown = kNoToken;
  if (status = settings.Declare(name, builder); !status.ok()) return status;
  if (status = AddAddedTokens(name, **document, builder); !status.ok()) return status;
  if (status = AddTokens(name, model, builder); !status.ok()) return status;
  if (status = AddMerges(name, model, builder); !status.ok()) return status;
  if (status = UseUnknownToken(name, model, builder, unknown); !status.ok()) return status;
  if (status = builder.PlaceDeclared(name); !status.ok()) return status;
  WarnOfIds(name, builder, parts.warnings);
  absl::StatusOr<Vocabulary> vocabulary = builder.Finish(absl::StrCat(name, ": model.vocab"));
  if (!vocabulary.ok()) return vocabulary.status();
  parts.vocabulary = *std::move(vocabulary);
  parts.vocabulary.ignore_merges = Member(model, "ignore_merges") == true;
  status = ReplaceMissingBytes(name, model, unknown, parts.vocabulary);
  if (!status.ok()) return status;
  // transformers builds GPT2Tokenizer's pre_tokenizer from tokenizer_config.json alone.
  if (settings.IsGpt2()) parts.rules.add_prefix_space = settings.add_prefix_space.value_or(false);
  Warn(name, model, settings, parts);
  return parts;
}

}  // namespace cascade::model
