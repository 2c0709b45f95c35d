// SPDX-License-Identifier: Apache-2.0
// config.json, generation_config.json and model.safetensors.index.json: any text gives a
// configuration within the stated bounds, or one refusal that names the file.
#include <cstddef>
#include <cstdint>
#include <limits>
#include <string>

#include "absl/strings/match.h"
#include "absl/strings/str_split.h"
#include "absl/strings/string_view.h"
#include "model/config.h"
#include "model/generation_config.h"
#include "model/weights/shard_index.h"
#include "tests/fuzz/fuzz.h"

namespace cascade::model {
namespace {

void ExpectRefusalNamesTheFile(const absl::Status& status) {
  FUZZ_EXPECT(absl::IsInvalidArgument(status));
  FUZZ_EXPECT(absl::StartsWith(status.message(), "file: "));
}

void ReadModelConfig(absl::string_view text) {
  const auto config = ParseModelConfig(text, "file");
  if (!config.ok()) return ExpectRefusalNamesTheFile(config.status());
  FUZZ_EXPECT(config->n_layer > 0 && config->n_ctx > 0 && config->n_inner > 0);
  FUZZ_EXPECT(config->n_head > 0 && config->n_embd % config->n_head == 0);
  FUZZ_EXPECT(config->layer_norm_epsilon > 0.0F);
  FUZZ_EXPECT(config->ParameterCount() < std::uint64_t{1} << 48);
  FUZZ_EXPECT(config->AttentionScale(config->n_layer - 1) > 0.0F);
  for (const TokenId id : config->eos_token_ids) FUZZ_EXPECT(id < config->vocab_size);
}

void ReadGenerationConfig(const absl::StatusOr<GenerationConfig>& config) {
  if (!config.ok()) return ExpectRefusalNamesTheFile(config.status());
  for (const std::string& warning : config->warnings) {
    FUZZ_EXPECT(absl::StartsWith(warning, "file: "));
  }
  FUZZ_EXPECT(config->temperature >= 0.0F && config->temperature <= 100.0F);
  FUZZ_EXPECT(config->top_p > 0.0F && config->top_p <= 1.0F);
  FUZZ_EXPECT(config->min_p >= 0.0F && config->min_p <= 1.0F);
  FUZZ_EXPECT(config->max_new_tokens.value_or(1) > 0);
}

void ReadShardIndex(absl::string_view text) {
  const auto index = ParseShardIndex(text, "file");
  if (!index.ok()) return ExpectRefusalNamesTheFile(index.status());
  for (const auto& [shard, tensors] : *index) {
    FUZZ_EXPECT(!absl::StartsWith(shard, "/") && !absl::StrContains(shard, '\0'));
    for (const absl::string_view part : absl::StrSplit(shard, '/')) FUZZ_EXPECT(part != "..");
    FUZZ_EXPECT(!tensors.empty());
  }
}

}  // namespace
}  // namespace cascade::model

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const absl::string_view text(reinterpret_cast<const char*>(data), size);
  cascade::model::ReadModelConfig(text);
  cascade::model::ReadGenerationConfig(cascade::model::ParseGenerationConfig(text, "file"));
  cascade::model::ReadGenerationConfig(cascade::model::ParseModelConfigDefaults(text, "file"));
  cascade::model::ReadShardIndex(text);
  return 0;
}
