// SPDX-License-Identifier: Apache-2.0

#include "server/grpc/v1/model.h"

#include <cstdint>
#include <string>

#include "absl/strings/string_view.h"
#include "server/grpc/model_info.h"
#include "server/grpc/request/limits.h"
#include "server/grpc/v1/to_uint32.h"

namespace cascade::server {
namespace {

std::string ToString(std::string_view text) { return std::string(text); }

absl::string_view ActivationName(model::kernels::Activation activation) {
  switch (activation) {
    case model::kernels::Activation::kNone:
      return "linear";
    case model::kernels::Activation::kGeluNew:
      return "gelu_new";
    case model::kernels::Activation::kGelu:
      return "gelu";
    case model::kernels::Activation::kRelu:
      return "relu";
    case model::kernels::Activation::kSilu:
      return "silu";
    case model::kernels::Activation::kQuickGelu:
      return "quick_gelu";
    case model::kernels::Activation::kMish:
      return "mish";
  }
  return "";
}

void FillLimits(const ModelInfo& info, v1::GetModelResponse::Limits& limits) {
  limits.set_max_prompt_tokens(ToUint32(info.MaxPromptTokens()));
  limits.set_max_total_tokens(ToUint32(info.MaxTotalTokens()));
  limits.set_max_queued_requests(ToUint32(info.max_queued));
  limits.set_max_running_requests(ToUint32(info.max_running));
  limits.set_max_constraint_bytes(ToUint32(kMaxConstraintBytes));
  limits.set_max_constraint_choices(ToUint32(kMaxConstraintChoices));
  limits.set_max_stream_interval(ToUint32(kMaxStreamInterval));
  limits.set_max_stop_strings(ToUint32(kMaxStopStrings));
  limits.set_max_stop_string_bytes(ToUint32(kMaxStopStringBytes));
  limits.set_max_stop_token_ids(ToUint32(kMaxStopTokenIds));
  limits.set_max_candidates(ToUint32(kMaxCandidates));
  limits.set_max_text_bytes(kMaxTextBytes);
  limits.set_min_priority(kMinPriority);
  limits.set_max_priority(info.max_priority);
  limits.set_max_cache_salt_bytes(ToUint32(kMaxCacheSaltBytes));
  limits.set_max_token_rules(ToUint32(kMaxTokenRules));
  limits.set_max_banned_words(ToUint32(kMaxBannedWords));
  limits.set_max_banned_sequence_tokens(ToUint32(kMaxBannedSequenceTokens));
  limits.set_max_dry_breakers(ToUint32(kMaxDryBreakers));
  limits.set_max_input_tokens(ToUint32(info.MaxPositions()));
  limits.set_max_embed_inputs(ToUint32(kMaxEmbedInputs));
  limits.set_max_embed_values(ToUint32(kMaxEmbedValues));
  limits.set_max_score_tokens(ToUint32(info.MaxPositions() + 1));
  limits.set_max_score_continuations(ToUint32(kMaxScoreContinuations));
}

void FillDefaults(const model::GenerationConfig& config, v1::GetModelResponse::Defaults& defaults) {
  v1::SamplingParams& sampling = *defaults.mutable_sampling();
  sampling.set_temperature(config.temperature);
  sampling.set_top_k(config.top_k);
  sampling.set_top_p(config.top_p);
  sampling.set_min_p(config.min_p);
  sampling.set_typical_p(config.typical_p);
  defaults.mutable_penalties()->set_repetition(config.repetition_penalty);
  defaults.mutable_penalties()->set_no_repeat_ngram_size(config.no_repeat_ngram_size);
  defaults.set_max_new_tokens(ToUint32(*config.max_new_tokens));
  defaults.mutable_eos_token_ids()->Assign(config.eos_token_ids.begin(),
                                           config.eos_token_ids.end());
}

}  // namespace

v1::GetModelResponse ToProto(const ModelInfo& info) {
  v1::GetModelResponse out;
  out.set_name(info.name);
  out.set_fingerprint(info.fingerprint);
  out.set_version(CASCADE_VERSION);

  v1::GetModelResponse::Architecture& architecture = *out.mutable_architecture();
  architecture.set_n_layer(ToUint32(info.config.n_layer));
  architecture.set_n_head(ToUint32(info.config.n_head));
  architecture.set_n_embd(ToUint32(info.config.n_embd));
  architecture.set_n_ctx(ToUint32(info.config.n_ctx));
  architecture.set_vocab_size(ToUint32(info.config.vocab_size));
  architecture.set_activation_function(std::string(ActivationName(info.config.activation)));
  architecture.set_parameters(info.weights.parameters);

  v1::GetModelResponse::Weights& weights = *out.mutable_weights();
  weights.set_stored_type(ToString(model::kernels::Name(info.weights.stored_type)));
  weights.set_memory_type(ToString(model::kernels::Name(info.weights.precision.weights)));
  weights.set_activation_type(ToString(model::kernels::Name(info.weights.precision.activations)));
  weights.set_memory_bytes(info.weights.memory_bytes);

  out.mutable_kv_cache()->set_type(ToString(model::kernels::Name(info.cache_type)));
  out.mutable_kv_cache()->set_tokens(info.cache_positions);

  out.set_token_ids_only(!info.has_tokenizer);
  FillDefaults(info.defaults, *out.mutable_defaults());
  FillLimits(info, *out.mutable_limits());
  return out;
}

}  // namespace cascade::server
