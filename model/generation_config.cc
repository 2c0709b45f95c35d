// SPDX-License-Identifier: Apache-2.0

#include "model/generation_config.h"

#include <algorithm>
#include <limits>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "model/json_document.h"
#include "model/json_reader.h"
#include "model/unfollowed_keys.h"
#include "nlohmann/json.hpp"

namespace cascade::model {
namespace {

constexpr std::size_t kMaxFileBytes = std::size_t{1} << 20;
constexpr std::uint64_t kMaxCount = std::numeric_limits<std::uint32_t>::max();
constexpr double kMaxTemperature = 100.0;
constexpr double kMaxRepetitionPenalty = 100.0;

// transformers' default, which applies wherever a file does not have the key, and which
// save_pretrained does not write.
constexpr std::uint32_t kDefaultTopK = 50;

void ReadSampling(JsonReader& reader, GenerationConfig& config) {
  const bool samples = reader.Boolean("do_sample").value_or(false);
  const double temperature = reader.Number("temperature", 0.0, kMaxTemperature).value_or(1.0);
  config.temperature = samples ? static_cast<float>(temperature) : 0.0F;
  config.top_k = static_cast<std::uint32_t>(
      reader.Integer("top_k", 0, kMaxCount).value_or(samples ? kDefaultTopK : 0));
  config.top_p = static_cast<float>(reader.Number("top_p", 0.0, 1.0).value_or(1.0));
  if (config.top_p == 0.0F) reader.Refuse("top_p", "a number above 0 and at most 1");
  config.min_p = static_cast<float>(reader.Number("min_p", 0.0, 1.0).value_or(0.0));
  // 1 and more cut nothing, as in transformers.
  const double typical_p =
      reader.Number("typical_p", 0.0, std::numeric_limits<float>::max()).value_or(1.0);
  config.typical_p = static_cast<float>(std::min(typical_p, 1.0));
  if (config.typical_p == 0.0F) reader.Refuse("typical_p", "a number above 0");
}

void ReadPenalties(JsonReader& reader, GenerationConfig& config) {
  config.repetition_penalty = static_cast<float>(
      reader.Number("repetition_penalty", 0.0, kMaxRepetitionPenalty).value_or(1.0));
  if (config.repetition_penalty == 0.0F) reader.Refuse("repetition_penalty", "a number above 0");
  config.no_repeat_ngram_size =
      static_cast<std::uint32_t>(reader.Integer("no_repeat_ngram_size", 0, kMaxCount).value_or(0));
}

enum class ConfigKind : std::uint8_t {
  kGeneration,  // generation_config.json: every key is one of a generation configuration
  kModel,       // config.json, which may have some of them among its own
};

void AddWarnings(const nlohmann::json& document, absl::string_view file, ConfigKind kind,
                 GenerationConfig& config) {
  std::vector<std::string> unfollowed;
  for (const std::string& key : UnfollowedKeys(document)) {
    unfollowed.push_back(absl::StrCat(key, " (", Shown(document.at(key)), ")"));
  }
  if (!unfollowed.empty()) {
    config.warnings.push_back(
        absl::StrCat(file, ": not followed, so that transformers may ",
                     "generate other tokens: ", absl::StrJoin(unfollowed, ", ")));
  }
  if (kind == ConfigKind::kModel) return;
  std::vector<std::string> unknown;
  for (const std::string& key : UnknownKeys(document)) unknown.push_back(Quoted(key));
  if (unknown.empty()) return;
  config.warnings.push_back(absl::StrCat(
      file, ": not known, neither to transformers 5.23: ", absl::StrJoin(unknown, ", ")));
}

absl::StatusOr<GenerationConfig> Parse(absl::string_view json, absl::string_view file,
                                       ConfigKind kind) {
  const absl::StatusOr<JsonDocument> document = ParseJsonObject(json, file);
  if (!document.ok()) return document.status();
  JsonReader reader(**document, file);
  GenerationConfig config;
  ReadSampling(reader, config);
  ReadPenalties(reader, config);
  if (const auto limit = reader.Integer("max_new_tokens", 1, kMaxCount)) {
    config.max_new_tokens = static_cast<std::uint32_t>(*limit);
  }
  if (kind == ConfigKind::kGeneration) config.eos_token_ids = reader.Tokens("eos_token_id");
  if (!reader.status().ok()) return reader.status();
  AddWarnings(**document, file, kind, config);
  return config;
}

// The keys of a config.json that say how to generate, and are not what transformers does anyway.
std::vector<std::string> GenerationKeys(const nlohmann::json& config) {
  std::vector<std::string> keys = UnfollowedKeys(config);
  if (config.value("do_sample", nlohmann::json()) == true) keys.emplace_back("do_sample");
  return keys;
}

// The section of config.json that pipelines of transformers 4 apply; gpt2's own has one.
std::string TaskSpecificKeys(const nlohmann::json& config) {
  const auto tasks = config.find("task_specific_params");
  if (tasks == config.end() || !tasks->is_object()) return "";
  const auto task = tasks->find("text-generation");
  if (task == tasks->end() || !task->is_object()) return "";
  std::vector<std::string> keys;
  for (const auto& [name, value] : task->items()) keys.push_back(Quoted(name));
  return absl::StrJoin(keys, ", ");
}

// Adds to `config` what config.json says of generation and is not followed.
absl::Status AddModelConfigWarnings(absl::string_view json, absl::string_view file,
                                    bool has_own_file, GenerationConfig& config) {
  const absl::StatusOr<JsonDocument> document = ParseJsonObject(json, file);
  if (!document.ok()) return document.status();
  const std::vector<std::string> keys = GenerationKeys(**document);
  if (has_own_file && !keys.empty()) {
    config.warnings.push_back(absl::StrCat(file, ": ", absl::StrJoin(keys, ", "),
                                           ": not used, since there is a generation_config.json"));
  }
  const std::string task_keys = TaskSpecificKeys(**document);
  if (!task_keys.empty()) {
    config.warnings.push_back(absl::StrCat(file, ": task_specific_params has ", task_keys,
                                           " for text-generation, which only pipelines of ",
                                           "transformers 4 follow: not used"));
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<GenerationConfig> ParseGenerationConfig(absl::string_view json,
                                                       absl::string_view file) {
  return Parse(json, file, ConfigKind::kGeneration);
}

absl::StatusOr<GenerationConfig> ParseModelConfigDefaults(absl::string_view json,
                                                          absl::string_view file) {
  return Parse(json, file, ConfigKind::kModel);
}

absl::StatusOr<GenerationConfig> LoadGenerationConfig(const std::string& folder) {
  const std::string own_path = absl::StrCat(folder, "/generation_config.json");
  const std::string model_path = absl::StrCat(folder, "/config.json");
  const absl::StatusOr<std::string> own = ReadTextFile(own_path, kMaxFileBytes);
  if (!own.ok() && !absl::IsNotFound(own.status())) return own.status();
  const absl::StatusOr<std::string> model = ReadTextFile(model_path, kMaxFileBytes);
  if (!model.ok() && !absl::IsNotFound(model.status())) return model.status();

  absl::StatusOr<GenerationConfig> config = GenerationConfig();
  if (own.ok()) {
    config = ParseGenerationConfig(*own, own_path);
  } else if (model.ok()) {
    config = ParseModelConfigDefaults(*model, model_path);
  }
  if (!config.ok() || !model.ok()) return config;
  absl::Status warned = AddModelConfigWarnings(*model, model_path, own.ok(), *config);
  if (!warned.ok()) return warned;
  return config;
}

}  // namespace cascade::model
