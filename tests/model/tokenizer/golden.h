// The data in tests/golden/tokenizer.
#pragma once

#include <fstream>
#include <stdexcept>
#include <string>
#include <vector>

#include "nlohmann/json.hpp"

namespace cascade::testing {

inline const std::string kGoldenFolder = CASCADE_SOURCE_DIR "/tests/golden/tokenizer";
inline const std::string kGpt2Folder = kGoldenFolder + "/gpt2";
inline const std::string kTalesFolder = CASCADE_SOURCE_DIR "/deploy/models/tales-7m";

// One JSON document a line. Throws, which fails the test, if there is no such file or no line.
inline std::vector<nlohmann::json> ReadGolden(const std::string& name) {
  std::ifstream file(kGoldenFolder + "/" + name);
  std::vector<nlohmann::json> lines;
  for (std::string line; std::getline(file, line);) lines.push_back(nlohmann::json::parse(line));
  if (lines.empty()) throw std::runtime_error(kGoldenFolder + "/" + name + " has no lines");
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
