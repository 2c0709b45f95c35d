// SPDX-License-Identifier: Apache-2.0

#include "model/unfollowed_keys.h"

#include <algorithm>
#include <iterator>

#include "absl/strings/match.h"
#include "nlohmann/json.hpp"

namespace cascade::model {
namespace {

using nlohmann::json;

bool Is(const json& value, double number) {
  return value.is_number() && value.get<double>() == number;
}

// Whether a value changes nothing. Null never does, and is not asked about.
using IsNeutral = bool (*)(const json& value);

bool Never(const json& /*value*/) { return false; }
bool IsZero(const json& value) { return Is(value, 0.0); }
bool IsOne(const json& value) { return Is(value, 1.0); }
bool IsZeroOrOne(const json& value) { return IsZero(value) || IsOne(value); }
bool IsFalse(const json& value) { return value == json(false); }
bool IsNotQuantized(const json& value) { return value != json("quantized"); }

bool IsEmpty(const json& value) {
  return (value.is_structured() && value.empty()) || value == json("");
}

// Both versions of transformers stop at 20 tokens where the file says nothing.
bool IsDefaultLength(const json& value) { return Is(value, 20.0); }

struct Key {
  absl::string_view name;
  IsNeutral is_neutral;
};

// What GenerationMixin of transformers 5.23 makes a logits processor, a stopping criterion or
// another way of decoding of. Keys that matter to beam search alone are missing: num_beams is told.
constexpr Key kUnfollowed[] = {
    {"bad_words_ids", IsEmpty},
    {"begin_suppress_tokens", IsEmpty},
    {"cache_implementation", IsNotQuantized},
    {"constraints", IsEmpty},
    {"dola_layers", Never},
    {"encoder_no_repeat_ngram_size", IsZero},
    {"encoder_repetition_penalty", IsOne},
    {"epsilon_cutoff", IsZeroOrOne},
    {"eta_cutoff", IsZeroOrOne},
    {"exponential_decay_length_penalty", Never},
    {"force_words_ids", IsEmpty},
    {"forced_bos_token_id", Never},
    {"forced_eos_token_id", Never},
    {"guidance_scale", IsOne},
    {"max_length", IsDefaultLength},
    {"max_time", Never},
    {"min_length", IsZero},
    {"min_new_tokens", IsZero},
    {"num_beams", IsOne},
    {"num_return_sequences", IsOne},
    {"penalty_alpha", IsZero},
    {"sequence_bias", IsEmpty},
    {"stop_strings", IsEmpty},
    {"suppress_tokens", IsEmpty},
    {"token_healing", IsFalse},
    {"top_h", Never},
    {"watermarking_config", Never},
};

// The other keys of GenerationConfig: followed, or without an effect on the tokens.
constexpr absl::string_view kKnown[] = {"assistant_confidence_threshold",
                                        "assistant_early_exit",
                                        "assistant_ensemble_weight",
                                        "assistant_lookbehind",
                                        "bos_token_id",
                                        "cache_config",
                                        "compile_config",
                                        "continuous_batching_config",
                                        "decoder_start_token_id",
                                        "disable_compile",
                                        "diversity_penalty",
                                        "do_sample",
                                        "early_stopping",
                                        "eos_token_id",
                                        "is_assistant",
                                        "length_penalty",
                                        "low_memory",
                                        "max_cache_len",
                                        "max_matching_ngram_size",
                                        "max_new_tokens",
                                        "min_p",
                                        "no_repeat_ngram_size",
                                        "num_assistant_tokens",
                                        "num_assistant_tokens_schedule",
                                        "num_beam_groups",
                                        "output_attentions",
                                        "output_hidden_states",
                                        "output_logits",
                                        "output_scores",
                                        "pad_token_id",
                                        "prefill_chunk_size",
                                        "prompt_lookup_num_tokens",
                                        "remove_invalid_values",
                                        "renormalize_logits",
                                        "repetition_penalty",
                                        "return_dict_in_generate",
                                        "return_legacy_cache",
                                        "speculation_type",
                                        "target_lookbehind",
                                        "temperature",
                                        "top_k",
                                        "top_p",
                                        "transformers_version",
                                        "typical_p",
                                        "use_cache",
                                        "use_mtp"};

const Key* FindUnfollowed(absl::string_view name) {
  const Key* const key = std::find_if(std::begin(kUnfollowed), std::end(kUnfollowed),
                                      [name](const Key& other) { return other.name == name; });
  return key == std::end(kUnfollowed) ? nullptr : key;
}

bool IsKnown(absl::string_view name) {
  return FindUnfollowed(name) != nullptr ||
         std::find(std::begin(kKnown), std::end(kKnown), name) != std::end(kKnown);
}

}  // namespace

std::vector<std::string> UnfollowedKeys(const json& document) {
  const auto new_tokens = document.find("max_new_tokens");
  const bool limits_new_tokens = new_tokens != document.end() && !new_tokens->is_null();
  std::vector<std::string> keys;
  for (const auto& [name, value] : document.items()) {
    const Key* const key = FindUnfollowed(name);
    if (key == nullptr || value.is_null() || key->is_neutral(value)) continue;
    if (name == "max_length" && limits_new_tokens) continue;  // it is overruled
    keys.push_back(name);
  }
  return keys;
}

std::vector<std::string> UnknownKeys(const json& document) {
  std::vector<std::string> keys;
  for (const auto& [name, value] : document.items()) {
    if (!value.is_null() && !absl::StartsWith(name, "_") && !IsKnown(name)) keys.push_back(name);
  }
  return keys;
}

}  // namespace cascade::model
