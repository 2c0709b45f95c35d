// SPDX-License-Identifier: Apache-2.0
// The architecture of a model: the contents of config.json.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "model/kernels/activations.h"
#include "model/token.h"

namespace cascade::model {

// The shape of one GPT-2. Names are those of Hugging Face's GPT2Config; the defaults are GPT-2
// 124M.
struct ModelConfig {
  std::size_t n_layer = 12;
  std::size_t n_head = 12;
  std::size_t n_embd = 768;
  std::size_t n_inner = 3072;  // width of the FFN; config.json's null means 4 * n_embd
  std::size_t n_ctx = 1024;    // positions; config.json's n_positions
  std::size_t vocab_size = 50257;
  float layer_norm_epsilon = 1e-5F;
  kernels::Activation activation = kernels::Activation::kGeluNew;  // activation_function
  bool scale_attn_weights = true;                // divide scores by sqrt(head_dim)
  bool scale_attn_by_inverse_layer_idx = false;  // and by layer + 1
  bool tie_word_embeddings = true;               // the head is wte
  std::vector<TokenId> eos_token_ids = {50256};  // config.json's eos_token_id; may be empty

  // What config.json says and the model does not follow, for the log: a sentence each, which names
  // the file.
  std::vector<std::string> warnings = {};

  std::size_t head_dim() const { return n_embd / n_head; }

  // The factor by which the attention scores of `layer` are multiplied.
  float AttentionScale(std::size_t layer) const;

  // The number of weights of the model, a tied head counted once.
  std::size_t ParameterCount() const;
};

// Parses the text of a config.json as transformers' GPT2Config does: num_hidden_layers,
// num_attention_heads, hidden_size and max_position_embeddings are other names of n_layer, n_head,
// n_embd and n_positions, and a size that the file does not have is GPT-2 124M's, if the file says
// that it is of a GPT-2. `file` is its name, for messages.
//
// INVALID_ARGUMENT, naming the file, the key, its value and what is allowed, for anything that is
// not a GPT-2 that this library can run: another model_type, a size that is no positive integer,
// two names of one size with two values, n_embd not divisible by n_head, an unknown
// activation_function, add_cross_attention, quantization_config. Sizes far beyond any GPT-2 are
// refused too, so that no product of them overflows. An eos_token_id beyond the vocabulary is
// dropped, with a warning: it can never be generated. Keys that do not matter at inference
// (dropout, initializer_range, summary_*, reorder_and_upcast_attn) are ignored.
absl::StatusOr<ModelConfig> ParseModelConfig(absl::string_view json, absl::string_view file);

// The warning about an end-of-text token that the model cannot generate.
std::string EosBeyondVocabulary(absl::string_view file, TokenId id, std::size_t vocab_size);

// Reads and parses `folder`/config.json. NOT_FOUND if it is not there.
absl::StatusOr<ModelConfig> LoadModelConfig(const std::string& folder);

}  // namespace cascade::model
