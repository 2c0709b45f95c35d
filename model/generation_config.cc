// SPDX-License-Identifier: Apache-2.0

#include "model/generation_config.h"

#include <limits>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "model/json_document.h"
#include "model/json_reader.h"
#include "nlohmann/json.hpp"

namespace cascade::model {
namespace {

constexpr std::size_t kMaxFileBytes = std::size_t{1} << 20;
constexpr std::uint64_t kMaxCount = std::numeric_limits<std::uint32_t>::max();
constexpr double kMaxTemperature = 100.0;

float ReadTemperature(JsonReader& reader) {
  const bool samples = reader.Boolean("do_sample").value_or(false);
  const double temperature = reader.Number("temperature", 0.0, kMaxTemperature).value_or(1.0);
  return samples ? static_cast<float>(temperature) : 0.0F;
}

float ReadTopP(JsonReader& reader) {
  const auto top_p = static_cast<float>(reader.Number("top_p", 0.0, 1.0).value_or(1.0));
  if (top_p == 0.0F) reader.Refuse("top_p", "a number above 0 and at most 1");
  return top_p;
}

}  // namespace

absl::StatusOr<GenerationConfig> ParseGenerationConfig(absl::string_view json,
                                                       absl::string_view file) {
  const absl::StatusOr<JsonDocument> document = ParseJsonObject(json, file);
  if (!document.ok()) return document.status();
  JsonReader reader(**document, file);
  GenerationConfig config;
  config.temperature = ReadTemperature(reader);
  config.top_k = static_cast<std::uint32_t>(reader.Integer("top_k", 0, kMaxCount).value_or(0));
  config.top_p = ReadTopP(reader);
  config.min_p = static_cast<float>(reader.Number("min_p", 0.0, 1.0).value_or(0.0));
  if (const auto limit = reader.Integer("max_new_tokens", 1, kMaxCount)) {
    config.max_new_tokens = static_cast<std::uint32_t>(*limit);
  }
  config.eos_token_ids = reader.Tokens("eos_token_id");
  if (!reader.status().ok()) return reader.status();
  return config;
}

absl::StatusOr<GenerationConfig> LoadGenerationConfig(const std::string& folder) {
  const std::string path = absl::StrCat(folder, "/generation_config.json");
  const absl::StatusOr<std::string> text = ReadTextFile(path, kMaxFileBytes);
  if (absl::IsNotFound(text.status())) return GenerationConfig();
  if (!text.ok()) return text.status();
  return ParseGenerationConfig(*text, path);
}

}  // namespace cascade::model
