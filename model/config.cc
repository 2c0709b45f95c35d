// SPDX-License-Identifier: Apache-2.0

#include "model/config.h"

#include <algorithm>
#include <cmath>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "model/json_document.h"
#include "model/json_reader.h"
#include "nlohmann/json.hpp"

namespace cascade::model {
namespace {

constexpr std::size_t kMaxFileBytes = std::size_t{1} << 20;

// Far above any GPT-2 (XL: 48, 25, 1600, 1024, 50257), and low enough that no product of them that
// the code computes (weights, cache, scratch) comes near 2^64.
constexpr std::uint64_t kMaxLayers = 1024;
constexpr std::uint64_t kMaxHeads = 1024;
constexpr std::uint64_t kMaxWidth = std::uint64_t{1} << 16;
constexpr std::uint64_t kMaxInnerWidth = 4 * kMaxWidth;
constexpr std::uint64_t kMaxPositions = std::uint64_t{1} << 20;
constexpr std::uint64_t kMaxVocabulary = std::uint64_t{1} << 24;

// The eos_token_id of Hugging Face's GPT2Config for a file that has none.
constexpr TokenId kDefaultEosTokenId = 50256;

bool NamesGpt2(const nlohmann::json& architectures) {
  return architectures.is_array() && std::find(architectures.begin(), architectures.end(),
                                               "GPT2LMHeadModel") != architectures.end();
}

// Files that are older than the key model_type may name the model in their architectures.
void CheckModelType(const nlohmann::json& document, JsonReader& reader) {
  if (reader.Has("model_type")) {
    if (reader.String("model_type").value_or("gpt2") != "gpt2") {
      reader.Refuse("model_type", "\"gpt2\"");
    }
  } else if (reader.Has("architectures") && !NamesGpt2(document["architectures"])) {
    reader.Refuse("architectures", "a list that has \"GPT2LMHeadModel\"");
  }
}

kernels::Activation ReadActivation(JsonReader& reader) {
  const std::string name = reader.String("activation_function").value_or("gelu_new");
  // Two names of one function: Hugging Face computes it itself, or calls PyTorch's.
  if (name == "gelu_new" || name == "gelu_pytorch_tanh") return kernels::Activation::kGeluNew;
  if (name == "gelu") return kernels::Activation::kGelu;
  if (name == "relu") return kernels::Activation::kRelu;
  reader.Refuse("activation_function", "\"gelu_new\", \"gelu_pytorch_tanh\", \"gelu\" or \"relu\"");
  return kernels::Activation::kGeluNew;
}

// Drops ids beyond the vocabulary: scaled-down models inherit them from GPT-2 and can never
// generate them.
std::vector<TokenId> ReadEosTokenIds(const nlohmann::json& document, std::size_t vocab_size,
                                     JsonReader& reader) {
  std::vector<TokenId> ids = reader.Tokens("eos_token_id");
  if (!document.contains("eos_token_id")) ids = {kDefaultEosTokenId};
  std::erase_if(ids, [vocab_size](TokenId id) { return id >= vocab_size; });
  return ids;
}

void ReadSizes(JsonReader& reader, ModelConfig& config) {
  config.n_layer = reader.RequiredInteger("n_layer", 1, kMaxLayers);
  config.n_head = reader.RequiredInteger("n_head", 1, kMaxHeads);
  config.n_embd = reader.RequiredInteger("n_embd", 1, kMaxWidth);
  config.n_inner = reader.Integer("n_inner", 1, kMaxInnerWidth).value_or(4 * config.n_embd);
  // Not config.json's n_ctx: if the two differ, Hugging Face allocates wpe by n_positions.
  config.n_ctx = reader.RequiredInteger("n_positions", 2, kMaxPositions);
  config.vocab_size = reader.RequiredInteger("vocab_size", 1, kMaxVocabulary);
  if (config.n_embd % config.n_head != 0) {
    reader.Refuse("n_embd", absl::StrCat("a multiple of n_head, which is ", config.n_head));
  }
}

}  // namespace

float ModelConfig::AttentionScale(std::size_t layer) const {
  float scale = 1.0F;
  if (scale_attn_weights) scale /= std::sqrt(static_cast<float>(head_dim()));
  if (scale_attn_by_inverse_layer_idx) scale /= static_cast<float>(layer + 1);
  return scale;
}

std::size_t ModelConfig::ParameterCount() const {
  const std::size_t layer_norm = 2 * n_embd;
  const std::size_t attention = n_embd * 3 * n_embd + 3 * n_embd + n_embd * n_embd + n_embd;
  const std::size_t ffn = n_embd * n_inner + n_inner + n_inner * n_embd + n_embd;
  const std::size_t head = tie_word_embeddings ? 0 : vocab_size * n_embd;
  return (vocab_size + n_ctx) * n_embd + n_layer * (2 * layer_norm + attention + ffn) + layer_norm +
         head;
}

absl::StatusOr<ModelConfig> ParseModelConfig(absl::string_view json, absl::string_view file) {
  const absl::StatusOr<JsonDocument> document = ParseJsonObject(json, file);
  if (!document.ok()) return document.status();
  JsonReader reader(**document, file);
  ModelConfig config;
  CheckModelType(**document, reader);
  ReadSizes(reader, config);
  config.layer_norm_epsilon =
      static_cast<float>(reader.Number("layer_norm_epsilon", 1e-12, 1.0).value_or(1e-5));
  config.activation = ReadActivation(reader);
  config.scale_attn_weights = reader.Boolean("scale_attn_weights").value_or(true);
  config.scale_attn_by_inverse_layer_idx =
      reader.Boolean("scale_attn_by_inverse_layer_idx").value_or(false);
  config.tie_word_embeddings = reader.Boolean("tie_word_embeddings").value_or(true);
  config.eos_token_ids = ReadEosTokenIds(**document, config.vocab_size, reader);
  if (reader.Boolean("add_cross_attention").value_or(false)) {
    reader.Refuse("add_cross_attention", "false: there is no encoder to attend to");
  }
  if (!reader.status().ok()) return reader.status();
  return config;
}

absl::StatusOr<ModelConfig> LoadModelConfig(const std::string& folder) {
  const std::string path = absl::StrCat(folder, "/config.json");
  const absl::StatusOr<std::string> text = ReadTextFile(path, kMaxFileBytes);
  if (!text.ok()) return text.status();
  return ParseModelConfig(*text, path);
}

}  // namespace cascade::model
