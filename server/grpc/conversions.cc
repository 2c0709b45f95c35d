#include "server/grpc/conversions.h"

#include <string>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "server/grpc/validation.h"

namespace cascade::server {
namespace {

std::uint32_t ToUint32(std::size_t value) { return static_cast<std::uint32_t>(value); }

std::string ToString(std::string_view text) { return std::string(text); }

absl::string_view ActivationName(model::kernels::Activation activation) {
  switch (activation) {
    case model::kernels::Activation::kNone:
      return "none";
    case model::kernels::Activation::kGeluNew:
      return "gelu_new";
    case model::kernels::Activation::kGelu:
      return "gelu";
    case model::kernels::Activation::kRelu:
      return "relu";
  }
  return "";
}

v1::FinishReason ToProto(model::FinishReason reason) {
  switch (reason) {
    case model::FinishReason::kEos:
      return v1::FINISH_REASON_EOS;
    case model::FinishReason::kStopToken:
      return v1::FINISH_REASON_STOP_TOKEN;
    case model::FinishReason::kStopString:
      return v1::FINISH_REASON_STOP_STRING;
    case model::FinishReason::kMaxTokens:
      return v1::FINISH_REASON_MAX_TOKENS;
    case model::FinishReason::kContextFull:
      return v1::FINISH_REASON_CONTEXT_FULL;
    case model::FinishReason::kTimeLimit:
      return v1::FINISH_REASON_TIME_LIMIT;
  }
  return v1::FINISH_REASON_UNSPECIFIED;
}

void SetDuration(absl::Duration duration, google::protobuf::Duration& out) {
  out.set_seconds(absl::IDivDuration(duration, absl::Seconds(1), &duration));
  out.set_nanos(static_cast<std::int32_t>(absl::ToInt64Nanoseconds(duration)));
}

void FillLimits(const ModelInfo& info, v1::GetModelResponse::Limits& limits) {
  limits.set_max_prompt_tokens(ToUint32(info.MaxPromptTokens()));
  limits.set_max_total_tokens(ToUint32(info.MaxTotalTokens()));
  limits.set_max_queued_requests(ToUint32(info.max_queued));
  limits.set_max_running_requests(ToUint32(info.max_running));
  limits.set_max_stop_strings(ToUint32(kMaxStopStrings));
  limits.set_max_stop_string_bytes(ToUint32(kMaxStopStringBytes));
  limits.set_max_stop_token_ids(ToUint32(kMaxStopTokenIds));
  limits.set_max_candidates(ToUint32(kMaxCandidates));
  limits.set_max_text_bytes(kMaxTextBytes);
  limits.set_min_priority(kMinPriority);
  limits.set_max_priority(info.max_priority);
  limits.set_max_cache_salt_bytes(ToUint32(kMaxCacheSaltBytes));
}

void FillDefaults(const model::GenerationConfig& config, v1::GetModelResponse::Defaults& defaults) {
  v1::SamplingParams& sampling = *defaults.mutable_sampling();
  sampling.set_temperature(config.temperature);
  sampling.set_top_k(config.top_k);
  sampling.set_top_p(config.top_p);
  sampling.set_min_p(config.min_p);
  defaults.set_max_new_tokens(ToUint32(*config.max_new_tokens));
  defaults.mutable_eos_token_ids()->Assign(config.eos_token_ids.begin(),
                                           config.eos_token_ids.end());
}

}  // namespace

model::GenerationParams ToParams(const v1::GenerateRequest& request, const ModelInfo& info,
                                 std::uint64_t random_seed) {
  const model::GenerationConfig& defaults = info.defaults;
  const v1::SamplingParams& sampling = request.sampling();
  const v1::StoppingParams& stopping = request.stopping();
  model::GenerationParams params;

  model::SamplingParams& s = params.sampling;
  s.temperature = sampling.has_temperature() ? sampling.temperature() : defaults.temperature;
  s.top_k = sampling.has_top_k() ? sampling.top_k() : defaults.top_k;
  s.top_p = sampling.has_top_p() ? sampling.top_p() : defaults.top_p;
  s.min_p = sampling.has_min_p() ? sampling.min_p() : defaults.min_p;
  s.seed = sampling.has_seed() ? sampling.seed() : random_seed;

  params.stopping.max_new_tokens =
      stopping.has_max_new_tokens() ? stopping.max_new_tokens() : *defaults.max_new_tokens;
  params.stopping.min_new_tokens = stopping.min_new_tokens();
  if (!stopping.ignore_eos()) params.stopping.eos_token_ids = defaults.eos_token_ids;
  params.stopping.stop_token_ids.assign(stopping.stop_token_ids().begin(),
                                        stopping.stop_token_ids().end());
  params.stopping.stop.assign(stopping.stop().begin(), stopping.stop().end());
  params.stopping.include_stop = stopping.include_stop();

  params.output.logprobs = request.response().logprobs();
  params.output.candidates = request.response().candidates();
  return params;
}

model::SpecialTokens ToSpecialTokens(bool parse_special_tokens) {
  return parse_special_tokens ? model::SpecialTokens::kAsToken : model::SpecialTokens::kAsText;
}

void AppendStep(const model::DecodingStep& step, bool report_token_id,
                const model::Tokenizer& tokenizer, v1::Delta& delta) {
  delta.mutable_text()->append(step.text);
  if (!step.token) return;
  if (report_token_id) delta.add_token_ids(step.token->id);
  if (!step.token->log_probs) return;
  v1::TokenLogProbs& log_probs = *delta.add_logprobs();
  log_probs.set_token_id(step.token->id);
  log_probs.set_logprob(step.token->log_probs->chosen);
  for (const model::TokenLogProb& candidate : step.token->log_probs->candidates) {
    v1::TokenLogProbs::Candidate& entry = *log_probs.add_candidates();
    entry.set_token_id(candidate.token);
    entry.set_logprob(candidate.log_prob);
    if (candidate.token >= tokenizer.vocab_size()) continue;  // a padded embedding's
    const absl::string_view bytes = tokenizer.Bytes(candidate.token);
    entry.set_token(bytes.data(), bytes.size());
  }
}

v1::Finish ToProto(const model::Finish& finish, std::size_t generated_tokens, std::uint64_t seed) {
  v1::Finish out;
  out.set_reason(ToProto(finish.reason));
  out.set_matched_stop(finish.matched_stop);
  if (finish.matched_token.has_value()) out.set_matched_token_id(*finish.matched_token);
  out.set_generated_tokens(ToUint32(generated_tokens));
  out.set_seed(seed);
  return out;
}

absl::Duration ToDuration(const google::protobuf::Duration& duration) {
  return absl::Seconds(duration.seconds()) + absl::Nanoseconds(duration.nanos());
}

void SetTimings(const Timings& timings, v1::Timings& out) {
  SetDuration(timings.queue, *out.mutable_queue());
  SetDuration(timings.prefill, *out.mutable_prefill());
  SetDuration(timings.decode, *out.mutable_decode());
}

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
  weights.set_memory_type(ToString(model::kernels::Name(info.weights.memory_type)));
  weights.set_memory_bytes(info.weights.memory_bytes);

  out.mutable_kv_cache()->set_type(ToString(model::kernels::Name(info.cache_type)));
  out.mutable_kv_cache()->set_tokens(info.cache_positions);

  FillDefaults(info.defaults, *out.mutable_defaults());
  FillLimits(info, *out.mutable_limits());
  return out;
}

}  // namespace cascade::server
