// SPDX-License-Identifier: Apache-2.0

#include "model/config.h"

#include <algorithm>
#include <cmath>
#include <iterator>

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

constexpr absl::string_view kArchitectures[] = {"GPT2LMHeadModel", "GPT2DoubleHeadsModel",
                                                "GPT2Model"};

// Another name of a key, which transformers reads as the key itself.
struct Alias {
  const char* key;
  const char* alias;
};

constexpr Alias kLayers = {"n_layer", "num_hidden_layers"};
constexpr Alias kHeads = {"n_head", "num_attention_heads"};
constexpr Alias kWidth = {"n_embd", "hidden_size"};
constexpr Alias kPositions = {"n_positions", "max_position_embeddings"};

// The names of transformers' ACT2CLS. Names of one function differ in who computes it (PyTorch or
// transformers), or in how it is written.
struct ActivationName {
  absl::string_view name;
  kernels::Activation activation;
};

constexpr ActivationName kActivations[] = {
    {"gelu_new", kernels::Activation::kGeluNew},
    {"gelu_pytorch_tanh", kernels::Activation::kGeluNew},
    {"gelu_python_tanh", kernels::Activation::kGeluNew},
    {"gelu_fast", kernels::Activation::kGeluNew},
    {"gelu_accurate", kernels::Activation::kGeluNew},
    {"gelu", kernels::Activation::kGelu},
    {"gelu_python", kernels::Activation::kGelu},
    {"relu", kernels::Activation::kRelu},
    {"silu", kernels::Activation::kSilu},
    {"swish", kernels::Activation::kSilu},
    {"quick_gelu", kernels::Activation::kQuickGelu},
    {"mish", kernels::Activation::kMish},
    {"linear", kernels::Activation::kNone},
};

std::string ActivationNames() {
  std::string names;
  for (const ActivationName& entry : kActivations) {
    const bool is_last = &entry == std::end(kActivations) - 1;
    absl::StrAppend(&names, names.empty() ? "" : is_last ? " or " : ", ", Quoted(entry.name));
  }
  return names;
}

bool NamesGpt2(const nlohmann::json& architectures) {
  return architectures.is_array() &&
         std::any_of(architectures.begin(), architectures.end(), [](const nlohmann::json& name) {
           return name.is_string() &&
                  std::find(std::begin(kArchitectures), std::end(kArchitectures),
                            name.get_ref<const std::string&>()) != std::end(kArchitectures);
         });
}

// Files that are older than the key model_type may name the model in their architectures. True if
// the file says in either way that it is of a GPT-2.
bool CheckModelType(const nlohmann::json& document, JsonReader& reader) {
  if (reader.Has("model_type")) {
    const bool is_gpt2 = reader.String("model_type").value_or("") == "gpt2";
    if (!is_gpt2) reader.Refuse("model_type", "\"gpt2\"");
    return is_gpt2;
  }
  if (!reader.Has("architectures")) return false;
  const bool is_gpt2 = NamesGpt2(document["architectures"]);
  if (!is_gpt2) reader.Refuse("architectures", "a list that has \"GPT2LMHeadModel\"");
  return is_gpt2;
}

kernels::Activation ReadActivation(JsonReader& reader) {
  const std::string name = reader.String("activation_function").value_or("gelu_new");
  for (const ActivationName& entry : kActivations) {
    if (entry.name == name) return entry.activation;
  }
  reader.Refuse("activation_function", ActivationNames());
  return kernels::Activation::kGeluNew;
}

// Reads the integers under either name of a key.
class SizeReader {
 public:
  // `or_defaults`: absent sizes are those of GPT-2 124M; else they are refused.
  SizeReader(const nlohmann::json& document, bool or_defaults, JsonReader& reader)
      : document_(document), or_defaults_(or_defaults), reader_(reader) {}

  std::size_t Read(const Alias& names, std::uint64_t min, std::uint64_t max, std::size_t value) {
    const bool has_alias = reader_.Has(names.alias);
    if (has_alias && reader_.Has(names.key) && document_[names.alias] != document_[names.key]) {
      reader_.Refuse(names.alias,
                     absl::StrCat("the value of ", names.key, ", which is ",
                                  Shown(document_[names.key]), ": they are two names of one size"));
    }
    return Read(has_alias ? names.alias : names.key, min, max, value);
  }

  std::size_t Read(const char* key, std::uint64_t min, std::uint64_t max, std::size_t value) {
    if (or_defaults_ && !document_.contains(key)) return value;
    return reader_.RequiredInteger(key, min, max);
  }

 private:
  const nlohmann::json& document_;
  bool or_defaults_;
  JsonReader& reader_;
};

void ReadSizes(const nlohmann::json& document, bool is_gpt2, JsonReader& reader,
               ModelConfig& config) {
  SizeReader sizes(document, is_gpt2, reader);
  config.n_layer = sizes.Read(kLayers, 1, kMaxLayers, config.n_layer);
  config.n_head = sizes.Read(kHeads, 1, kMaxHeads, config.n_head);
  config.n_embd = sizes.Read(kWidth, 1, kMaxWidth, config.n_embd);
  config.n_inner = reader.Integer("n_inner", 1, kMaxInnerWidth).value_or(4 * config.n_embd);
  // Not config.json's n_ctx: if the two differ, Hugging Face allocates wpe by n_positions.
  config.n_ctx = sizes.Read(kPositions, 2, kMaxPositions, config.n_ctx);
  config.vocab_size = sizes.Read("vocab_size", 1, kMaxVocabulary, config.vocab_size);
  if (config.n_embd % config.n_head != 0) {
    reader.Refuse(reader.Has(kWidth.alias) ? kWidth.alias : kWidth.key,
                  absl::StrCat("a multiple of n_head, which is ", config.n_head));
  }
}

// Drops ids beyond the vocabulary. Scaled-down models inherit GPT-2's, and can never generate it.
void ReadEosTokenIds(const nlohmann::json& document, absl::string_view file, JsonReader& reader,
                     ModelConfig& config) {
  config.eos_token_ids = reader.Tokens("eos_token_id");
  const bool is_default = !document.contains("eos_token_id");
  if (is_default) config.eos_token_ids = {kDefaultEosTokenId};
  std::erase_if(config.eos_token_ids, [&](TokenId id) {
    if (id < config.vocab_size) return false;
    if (!is_default) config.warnings.push_back(EosBeyondVocabulary(file, id, config.vocab_size));
    return true;
  });
}

void CheckUnsupported(const nlohmann::json& document, JsonReader& reader) {
  if (reader.Boolean("add_cross_attention").value_or(false)) {
    reader.Refuse("add_cross_attention", "false: there is no encoder to attend to");
  }
  if (!reader.Has("quantization_config")) return;
  const nlohmann::json& quantization = document["quantization_config"];
  const bool has_method = quantization.is_object() && quantization.contains("quant_method");
  reader.Refuse("quantization_config",
                absl::StrCat("none: weights that are quantized in the file",
                             has_method ? " (" + Shown(quantization["quant_method"]) + ")" : "",
                             " cannot be read; --weights quantizes weights of F32, F16 or BF16"));
}

// What transformers would do otherwise than this library, or tells its user.
void AddWarnings(const nlohmann::json& document, absl::string_view file, const JsonReader& reader,
                 ModelConfig& config) {
  if (reader.Has("architectures") && !NamesGpt2(document["architectures"])) {
    const nlohmann::json& names = document["architectures"];
    config.warnings.push_back(absl::StrCat(
        file, ": architectures has ", Shown(names.is_array() && !names.empty() ? names[0] : names),
        ": the model is served as a language model, GPT2LMHeadModel"));
  }
  if (reader.Has("auto_map")) {
    config.warnings.push_back(
        absl::StrCat(file, ": auto_map names code of the model's own, which is not run"));
  }
}

}  // namespace

std::string EosBeyondVocabulary(absl::string_view file, TokenId id, std::size_t vocab_size) {
  return absl::StrCat(file, ": eos_token_id ", id, " is beyond the vocabulary of ", vocab_size,
                      " tokens, and can never end a text");
}

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
  const bool is_gpt2 = CheckModelType(**document, reader);
  ReadSizes(**document, is_gpt2, reader, config);
  config.layer_norm_epsilon =
      static_cast<float>(reader.Number("layer_norm_epsilon", 1e-12, 1.0).value_or(1e-5));
  config.activation = ReadActivation(reader);
  config.scale_attn_weights = reader.Boolean("scale_attn_weights").value_or(true);
  config.scale_attn_by_inverse_layer_idx =
      reader.Boolean("scale_attn_by_inverse_layer_idx").value_or(false);
  config.tie_word_embeddings = reader.Boolean("tie_word_embeddings").value_or(true);
  ReadEosTokenIds(**document, file, reader, config);
  CheckUnsupported(**document, reader);
  AddWarnings(**document, file, reader, config);
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
