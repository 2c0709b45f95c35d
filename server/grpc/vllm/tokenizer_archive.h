// SPDX-License-Identifier: Apache-2.0
// A tokenizer's files as GetTokenizer sends them.
#pragma once

#include <cstddef>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace cascade::model {
class Tokenizer;
}  // namespace cascade::model

namespace cascade::server {

struct TokenizerArchive {
  std::string zip;
  std::string sha256;  // of it, in hex
};

// No file of a tokenizer has more: GPT-2's largest has 2 MiB.
inline constexpr std::size_t kMaxTokenizerFileBytes = std::size_t{64} << 20;

// The files of `folder` that are a tokenizer's. If there is no tokenizer.json, one is made of
// vocab.json and merges.txt and of what `tokenizer`, which was read from them, knows besides.
// INTERNAL, naming the file, but not the folder, if one cannot be read or has more than
// kMaxTokenizerFileBytes.
absl::StatusOr<TokenizerArchive> MakeTokenizerArchive(const std::string& folder,
                                                      const model::Tokenizer& tokenizer);

// GPT-2's byte-level tokenizer in the format of Hugging Face's tokenizers, from the contents of
// vocab.json and merges.txt. Text between added tokens is cut and merged as they say, and nothing
// is put in front of it.
std::string MakeTokenizerJson(absl::string_view vocab, absl::string_view merges,
                              const model::Tokenizer& tokenizer);

}  // namespace cascade::server
