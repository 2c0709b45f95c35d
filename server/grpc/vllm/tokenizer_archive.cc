// SPDX-License-Identifier: Apache-2.0

#include "server/grpc/vllm/tokenizer_archive.h"

#include <array>
#include <utility>
#include <vector>

#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "model/json_document.h"
#include "model/tokenizer/tokenizer.h"
#include "openssl/sha.h"
#include "server/grpc/vllm/zip_archive.h"

namespace cascade::server {
namespace {

constexpr char kTokenizerJson[] = "tokenizer.json";
constexpr std::array<const char*, 7> kFiles = {
    kTokenizerJson,      "tokenizer_config.json", "special_tokens_map.json",
    "added_tokens.json", "chat_template.jinja",   "vocab.json",
    "merges.txt"};

// The text as a JSON string.
std::string JsonString(absl::string_view text) {
  constexpr char kHex[] = "0123456789abcdef";
  std::string json = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') {
      json.push_back('\\');
      json.push_back(c);
    } else if (static_cast<unsigned char>(c) < 0x20) {
      absl::StrAppend(&json, "\\u00", c < 0x10 ? "0" : "1", std::string(1, kHex[c & 0xF]));
    } else {
      json.push_back(c);
    }
  }
  return json + '"';
}

// "[\"a b\", ...]" of the lines of merges.txt.
std::string MergesAsJson(absl::string_view merges) {
  std::string json = "[";
  const char* separator = "";
  for (absl::string_view line : absl::StrSplit(merges, '\n')) {
    line = absl::StripSuffix(line, "\r");
    if (line.empty() || absl::StartsWith(line, "#version")) continue;
    absl::StrAppend(&json, separator, JsonString(line));
    separator = ",\n";
  }
  return json + "]";
}

// Those that no merging makes.
std::string AddedTokensAsJson(const model::Tokenizer& tokenizer) {
  std::string json = "[";
  const char* separator = "";
  for (model::TokenId id = 0; id < tokenizer.vocab_size(); ++id) {
    const bool is_end = tokenizer.end_of_text() == id;
    if (id < tokenizer.base_vocab_size() && !is_end) continue;
    if (tokenizer.Bytes(id).empty()) continue;  // no token has the id
    absl::StrAppend(&json, separator, "{\"id\": ", id,
                    ", \"content\": ", JsonString(tokenizer.Bytes(id)),
                    ", \"single_word\": false, \"lstrip\": false, \"rstrip\": false, "
                    "\"normalized\": false, \"special\": ",
                    tokenizer.IsSpecial(id) ? "true" : "false", "}");
    separator = ", ";
  }
  return json + "]";
}

std::string Sha256(absl::string_view bytes) {
  std::string digest(SHA256_DIGEST_LENGTH, '\0');
  SHA256(reinterpret_cast<const unsigned char*>(bytes.data()), bytes.size(),
         reinterpret_cast<unsigned char*>(digest.data()));
  return absl::BytesToHexString(digest);
}

}  // namespace

std::string MakeTokenizerJson(absl::string_view vocab, absl::string_view merges,
                              const model::Tokenizer& tokenizer) {
  constexpr absl::string_view kByteLevel =
      "{\"type\": \"ByteLevel\", \"add_prefix_space\": false, \"trim_offsets\": true, "
      "\"use_regex\": true}";
  return absl::StrCat(
      "{\"version\": \"1.0\", \"truncation\": null, \"padding\": null, \"added_tokens\": ",
      AddedTokensAsJson(tokenizer), ", \"normalizer\": null, \"pre_tokenizer\": ", kByteLevel,
      ", \"post_processor\": ", kByteLevel, ", \"decoder\": ", kByteLevel,
      ", \"model\": {\"type\": \"BPE\", \"dropout\": null, \"unk_token\": null, "
      "\"continuing_subword_prefix\": \"\", \"end_of_word_suffix\": \"\", \"fuse_unk\": false, "
      "\"byte_fallback\": false, \"vocab\": ",
      vocab, ", \"merges\": ", MergesAsJson(merges), "}}\n");
}

absl::StatusOr<TokenizerArchive> MakeTokenizerArchive(const std::string& folder,
                                                      const model::Tokenizer& tokenizer) {
  std::vector<std::pair<std::string, std::string>> files;
  const auto find = [&files](absl::string_view name) -> const std::string* {
    for (const auto& file : files) {
      if (file.first == name) return &file.second;
    }
    return nullptr;
  };
  for (const char* const name : kFiles) {
    absl::StatusOr<std::string> contents =
        model::ReadTextFile(absl::StrCat(folder, "/", name), kMaxTokenizerFileBytes);
    if (absl::IsNotFound(contents.status())) continue;
    if (!contents.ok()) {
      return absl::InternalError(absl::StrCat(name, " of the model's folder cannot be read"));
    }
    files.emplace_back(name, *std::move(contents));
  }
  if (find(kTokenizerJson) == nullptr) {
    const std::string* const vocab = find("vocab.json");
    const std::string* const merges = find("merges.txt");
    if (vocab == nullptr || merges == nullptr) {
      return absl::InternalError("the tokenizer's files are not in the model's folder any more");
    }
    std::string made = MakeTokenizerJson(*vocab, *merges, tokenizer);
    files.emplace(files.begin(), kTokenizerJson, std::move(made));
  }
  TokenizerArchive archive = {.zip = ZipArchive(files), .sha256 = {}};
  archive.sha256 = Sha256(archive.zip);
  return archive;
}

}  // namespace cascade::server
