// SPDX-License-Identifier: Apache-2.0
// A vocabulary small enough to reason about: the 256 bytes and the merges that a test asks for.
#pragma once

#include <cstddef>
#include <filesystem>
#include <fstream>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "model/tokenizer/byte_alphabet.h"
#include "nlohmann/json.hpp"

namespace cascade::testing {

using Pairs = std::vector<std::pair<std::string, std::string>>;  // of bytes

// {"token": id}: byte b has id b; the result of merge i has id 256 + i.
inline nlohmann::json TinyVocab(const Pairs& merges) {
  nlohmann::json vocab = nlohmann::json::object();
  for (int byte = 0; byte < 256; ++byte) {
    vocab[model::BytesToAlphabet(std::string(1, static_cast<char>(byte)))] = byte;
  }
  std::size_t id = 256;
  for (const auto& [left, right] : merges) vocab[model::BytesToAlphabet(left + right)] = id++;
  return vocab;
}

// merges.txt.
inline std::string TinyMerges(const Pairs& merges) {
  std::string lines = "#version: 0.2\n";
  for (const auto& [left, right] : merges) {
    absl::StrAppend(&lines, model::BytesToAlphabet(left), " ", model::BytesToAlphabet(right), "\n");
  }
  return lines;
}

// tokenizer.json without added tokens.
inline nlohmann::json TinyTokenizerJson(const Pairs& merges) {
  nlohmann::json pairs = nlohmann::json::array();
  for (const auto& [left, right] : merges) {
    pairs.push_back({model::BytesToAlphabet(left), model::BytesToAlphabet(right)});
  }
  return {{"version", "1.0"},
          {"added_tokens", nlohmann::json::array()},
          {"normalizer", nullptr},
          {"pre_tokenizer", {{"type", "ByteLevel"}, {"add_prefix_space", false}}},
          {"model", {{"type", "BPE"}, {"vocab", TinyVocab(merges)}, {"merges", pairs}}}};
}

// A new empty folder, removed with everything in it at the end of the scope.
class ScopedFolder {
 public:
  explicit ScopedFolder(const std::string& name) : path_(::testing::TempDir() + name) {
    std::filesystem::remove_all(path_);
    std::filesystem::create_directories(path_);
  }
  ~ScopedFolder() { std::filesystem::remove_all(path_); }
  ScopedFolder(const ScopedFolder&) = delete;
  ScopedFolder& operator=(const ScopedFolder&) = delete;

  const std::string& path() const { return path_; }

  void Write(const std::string& name, const std::string& contents) const {
    std::ofstream(path_ + "/" + name, std::ios::binary) << contents;
  }

 private:
  std::string path_;
};

}  // namespace cascade::testing
