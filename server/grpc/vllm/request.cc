// SPDX-License-Identifier: Apache-2.0

#include "server/grpc/vllm/request.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <span>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "server/grpc/request/limits.h"
#include "server/grpc/request/validation.h"

namespace cascade::server {
namespace {

// A field of TextRequest or of EmbeddingRequest, and the field that it came from.
struct FieldNames {
  absl::string_view ours;
  absl::string_view theirs;
};
constexpr std::array kFieldNames = {
    FieldNames{"prompt", "input"},
    FieldNames{"token_ids", "tokenized.input_ids"},
    FieldNames{"inputs[0].token_ids", "tokenized.input_ids"},
    FieldNames{"inputs[0]", "tokenized"},
    FieldNames{"sampling.temperature", "sampling_params.temperature"},
    FieldNames{"sampling.top_p", "sampling_params.top_p"},
    FieldNames{"sampling.top_k", "sampling_params.top_k"},
    FieldNames{"sampling.min_p", "sampling_params.min_p"},
    FieldNames{"sampling.n", "sampling_params.n"},
    FieldNames{"penalties.frequency", "sampling_params.frequency_penalty"},
    FieldNames{"penalties.presence", "sampling_params.presence_penalty"},
    FieldNames{"penalties.repetition", "sampling_params.repetition_penalty"},
    FieldNames{"token_rules.bias", "sampling_params.logit_bias"},
    FieldNames{"constraint.json_schema", "sampling_params.json_schema"},
    FieldNames{"constraint.regex", "sampling_params.regex"},
    FieldNames{"constraint.grammar", "sampling_params.grammar"},
    FieldNames{"constraint.json_object", "sampling_params.json_object"},
    FieldNames{"constraint.choice.values", "sampling_params.choice.choices"},
    FieldNames{"stopping.max_new_tokens", "sampling_params.max_tokens"},
    FieldNames{"stopping.min_new_tokens", "sampling_params.min_tokens"},
    FieldNames{"stopping.stop", "sampling_params.stop"},
    FieldNames{"stopping.stop_token_ids", "sampling_params.stop_token_ids"},
    FieldNames{"truncation.max_prompt_tokens", "sampling_params.truncate_prompt_tokens"},
};

std::span<const model::TokenId> ToSpan(const engine_pb::TokenizedInput& input) {
  return {input.input_ids().data(), static_cast<std::size_t>(input.input_ids_size())};
}

void RefuseWhatIsNotServed(const engine_pb::GenerateRequest& message, Violations& violations) {
  constexpr absl::string_view kNoMedia =
      "must be left out: this server runs text models, without images, audio or video";
  constexpr absl::string_view kNoTransfer =
      "must be left out: this server does not hand the keys and values of prompts to another";
  if (message.has_kv_transfer_params()) violations.Add("kv_transfer_params", kNoTransfer);
  if (message.has_kv_transfer_params_json()) violations.Add("kv_transfer_params_json", kNoTransfer);
  if (message.has_mm_inputs()) violations.Add("mm_inputs", kNoMedia);
  if (message.extra_mm_inputs_size() > 0) violations.Add("extra_mm_inputs", kNoMedia);
  if (message.has_media_refs()) violations.Add("media_refs", kNoMedia);
  if (message.data_parallel_rank() != 0) {
    violations.Add("data_parallel_rank",
                   absl::StrCat("is ", message.data_parallel_rank(), "; there is rank 0 alone"));
  }
  if (message.sampling_params().has_structural_tag()) {
    violations.Add("sampling_params.structural_tag",
                   "must be left out: of constraints there are json_schema, json_object, regex, "
                   "grammar and choice");
  }
}

// 0 stands for nothing where it makes no sense.
float OrOne(float value) { return value == 0.0F ? 1.0F : value; }

TextRequest::Sampling ToSampling(const engine_pb::SamplingParams& params) {
  TextRequest::Sampling sampling;
  sampling.temperature = params.has_temperature() ? params.temperature() : 1.0F;
  sampling.top_k = params.top_k();
  sampling.top_p = OrOne(params.top_p());
  sampling.min_p = params.min_p();
  sampling.typical_p = 1.0F;  // off, whatever the model's default is: the dialect cannot say it
  if (params.has_seed() && params.seed() != -1) {
    sampling.seed = static_cast<std::uint64_t>(std::int64_t{params.seed()});
  }
  sampling.n = std::max(params.n(), 1U);
  return sampling;
}

TextRequest::Penalties ToPenalties(const engine_pb::SamplingParams& params) {
  TextRequest::Penalties penalties;
  penalties.repetition = OrOne(params.repetition_penalty());
  penalties.presence = params.presence_penalty();
  penalties.frequency = params.frequency_penalty();
  penalties.no_repeat_ngram_size = 0;  // as typical_p
  return penalties;
}

std::vector<model::TokenBias> ToBias(const engine_pb::SamplingParams& params,
                                     Violations& violations) {
  std::vector<model::TokenBias> bias;
  std::optional<std::int32_t> negative;
  for (const auto& [token, value] : params.logit_bias()) {
    if (token < 0) negative = std::min(token, negative.value_or(token));
    bias.push_back({static_cast<model::TokenId>(std::max(token, 0)), value});
  }
  std::ranges::sort(bias, {}, &model::TokenBias::token);  // a map has no order
  if (negative) {
    violations.Add(absl::StrCat("sampling_params.logit_bias[", *negative, "]"),
                   "is no token; ids must be at least 0");
  }
  return bias;
}

std::optional<TextRequest::Constraint> ToConstraint(const engine_pb::SamplingParams& params) {
  using Kind = model::ConstraintSpec::Kind;
  TextRequest::Constraint constraint;
  switch (params.constraint_case()) {
    case engine_pb::SamplingParams::kJsonSchema:
      constraint.kind = Kind::kJsonSchema;
      constraint.text = params.json_schema();
      return constraint;
    case engine_pb::SamplingParams::kRegex:
      constraint.kind = Kind::kRegex;
      constraint.text = params.regex();
      return constraint;
    case engine_pb::SamplingParams::kGrammar:
      constraint.kind = Kind::kGrammar;
      constraint.text = params.grammar();
      return constraint;
    case engine_pb::SamplingParams::kJsonObject:
      if (!params.json_object()) return std::nullopt;
      constraint.kind = Kind::kJsonObject;
      return constraint;
    case engine_pb::SamplingParams::kChoice:
      constraint.kind = Kind::kChoice;
      constraint.choices.assign(params.choice().choices().begin(), params.choice().choices().end());
      return constraint;
    case engine_pb::SamplingParams::kStructuralTag:  // refused before
    case engine_pb::SamplingParams::CONSTRAINT_NOT_SET:
      break;
  }
  return std::nullopt;
}

TextRequest::Stopping ToStopping(const engine_pb::SamplingParams& params) {
  TextRequest::Stopping stopping;
  if (params.has_max_tokens()) stopping.max_new_tokens = params.max_tokens();
  stopping.min_new_tokens = params.min_tokens();
  stopping.stop.assign(params.stop().begin(), params.stop().end());
  stopping.stop_token_ids = {params.stop_token_ids().data(),
                             static_cast<std::size_t>(params.stop_token_ids_size())};
  stopping.include_stop = params.include_stop_str_in_output();
  stopping.ignore_eos = params.ignore_eos();
  return stopping;
}

std::optional<TextRequest::Truncation> ToTruncation(const engine_pb::SamplingParams& params,
                                                    Violations& violations) {
  if (!params.has_truncate_prompt_tokens()) return std::nullopt;
  TextRequest::Truncation truncation;
  const std::int32_t most = params.truncate_prompt_tokens();
  if (most < -1) {
    violations.Add("sampling_params.truncate_prompt_tokens",
                   absl::StrCat("is ", most, "; must be at least 1, or -1"));
  } else if (most >= 0) {
    truncation.max_prompt_tokens = static_cast<std::size_t>(most);
  }
  return truncation;
}

void CheckLogProbs(absl::string_view field, bool is_set, std::int32_t candidates,
                   Violations& violations) {
  if (!is_set || (candidates >= 0 && candidates <= static_cast<std::int32_t>(kMaxCandidates))) {
    return;
  }
  violations.Add(absl::StrCat("sampling_params.", field),
                 absl::StrCat("is ", candidates, "; must be from 0 to ", kMaxCandidates));
}

TextRequest::Response ToResponse(const engine_pb::SamplingParams& params, Violations& violations) {
  CheckLogProbs("logprobs", params.has_logprobs(), params.logprobs(), violations);
  CheckLogProbs("prompt_logprobs", params.has_prompt_logprobs(), params.prompt_logprobs(),
                violations);
  const AskedLogProbs asked = LogProbsAskedFor(params);
  TextRequest::Response response;
  response.logprobs = asked.output.has_value();
  if (asked.prompt) response.prompt_logprobs_from = 0;
  // The engine has one number for both; the encoder leaves out what is too much.
  response.candidates = std::max(asked.output.value_or(0), asked.prompt.value_or(0));
  response.special_tokens_in_text = !params.skip_special_tokens();
  return response;
}

std::optional<std::uint32_t> InRange(bool is_set, std::int32_t candidates) {
  if (!is_set) return std::nullopt;
  return static_cast<std::uint32_t>(
      std::clamp(candidates, 0, static_cast<std::int32_t>(kMaxCandidates)));
}

}  // namespace

std::string VllmFieldName(absl::string_view path) {
  for (const FieldNames& names : kFieldNames) {
    if (!absl::StartsWith(path, names.ours)) continue;
    const absl::string_view rest = path.substr(names.ours.size());
    if (rest.empty() || rest.front() == '[') return absl::StrCat(names.theirs, rest);
  }
  return std::string(path);
}

AskedLogProbs LogProbsAskedFor(const engine_pb::SamplingParams& params) {
  return {.output = InRange(params.has_logprobs(), params.logprobs()),
          .prompt = InRange(params.has_prompt_logprobs(), params.prompt_logprobs())};
}

TextRequest ToTextRequest(const engine_pb::GenerateRequest& message, Violations& violations) {
  RefuseWhatIsNotServed(message, violations);
  const engine_pb::SamplingParams& params = message.sampling_params();
  TextRequest request;
  request.field_name = VllmFieldName;
  request.request_id = message.request_id();
  if (message.has_text()) request.text = message.text();
  if (message.has_tokenized()) request.token_ids = ToSpan(message.tokenized());
  request.parse_special_tokens = true;  // as Hugging Face's tokenizers, and so the gateway's, do
  request.truncation = ToTruncation(params, violations);
  request.sampling = ToSampling(params);
  request.penalties = ToPenalties(params);
  request.token_rules.bias = ToBias(params, violations);
  request.constraint = ToConstraint(params);
  request.stopping = ToStopping(params);
  request.response = ToResponse(params, violations);
  return request;
}

EmbeddingRequest ToEmbeddingRequest(const engine_pb::EmbedRequest& message) {
  EmbeddingRequest request;
  request.field_name = VllmFieldName;
  request.request_id = message.request_id();
  InputText input;
  if (message.has_tokenized()) input.token_ids = ToSpan(message.tokenized());
  request.inputs.push_back(input);
  request.pooling = Pooling::kLast;
  request.normalize = true;
  return request;
}

absl::Status Validate(const engine_pb::GenerateRequest& message, const ModelInfo& info) {
  Violations violations(VllmFieldName);
  const TextRequest request = ToTextRequest(message, violations);
  Validate(request, info, violations);
  return violations.ToStatus();
}

absl::Status Validate(const engine_pb::AbortRequest& message) {
  Violations violations;
  CheckCount("request_ids", static_cast<std::size_t>(message.request_ids_size()),
             kMaxAbortedRequests, "ids", violations);
  return violations.ToStatus();
}

}  // namespace cascade::server
