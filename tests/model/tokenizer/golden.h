// SPDX-License-Identifier: Apache-2.0
// The data in tests/golden/tokenizer.
#pragma once

#include <fstream>
#include <stdexcept>
#include <string>
#include <vector>

#include "nlohmann/json.hpp"
#include "tests/support/source_path.h"

namespace cascade::testing {

inline const std::string kGoldenFolder = testing::SourcePath("tests/golden/tokenizer");
inline const std::string kGpt2Folder = testing::SourcePath("tests/golden/tokenizer/gpt2");
inline const std::string kTalesFolder = testing::BundledModelFolder();

// One JSON document a line. Throws, which fails the test, if there is no such file or no line.
inline std::vector<nlohmann::json> ReadGolden(const std::string& name) {
  const std::string path = std::string(kGoldenFolder) + "/" + name;
  std::ifstream file(path);
  std::vector<nlohmann::json> lines;
  for (std::string line; std::getline(file, line);) lines.push_back(nlohmann::json::parse(line));
  if (lines.empty()) throw std::runtime_error(path + " has no lines");
  return lines;
}

inline std::string FromHex(const std::string& hex) {
  std::string bytes;
  for (std::size_t i = 0; i < hex.size(); i += 2) {
    bytes.push_back(static_cast<char>(std::stoi(hex.substr(i, 2), nullptr, 16)));
  }
  return bytes;
}

}  // namespace cascade::testing
