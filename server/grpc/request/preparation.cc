// SPDX-License-Identifier: Apache-2.0

#include "server/grpc/request/preparation.h"

#include <algorithm>
#include <cstdint>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "model/generation/generation_params.h"
#include "model/tokenizer/tokenizer.h"
#include "server/engine/clock.h"
#include "server/engine/limits.h"
#include "server/grpc/model_info.h"
#include "server/grpc/request/text_request.h"
#include "server/grpc/request/validation.h"
#include "server/grpc/request/violations.h"

namespace cascade::server {
namespace {

std::uint64_t Random64() {
  std::random_device device;
  return (std::uint64_t{device()} << 32) | device();
}

std::string MakeRequestId() { return absl::StrCat(absl::Hex(Random64(), absl::kZeroPad16)); }

absl::StatusOr<std::vector<model::TokenId>> PromptTokens(const TextRequest& request,
                                                         const model::Tokenizer& tokenizer) {
  if (request.text) {
    return tokenizer.Encode(*request.text, request.parse_special_tokens
                                               ? model::SpecialTokens::kAsToken
                                               : model::SpecialTokens::kAsText);
  }
  return std::vector<model::TokenId>(request.token_ids->begin(), request.token_ids->end());
}

// An error if the text has a token that only the tokenizer has. Token ids were checked before.
absl::Status CheckPromptTokens(const TextRequest& request,
                               const std::vector<model::TokenId>& prompt, const ModelInfo& info) {
  Violations violations(request.field_name);
  if (request.text) CheckTokensOfText("text", prompt, info, violations);
  return violations.ToStatus();
}

// The longest prompt to keep: as the request says, or else what leaves room for all that it wants
// to generate, if anything does.
std::size_t TruncationLimit(const TextRequest::Truncation& truncation, std::size_t max_new_tokens,
                            const ModelInfo& info) {
  if (truncation.max_prompt_tokens) {
    return std::min(*truncation.max_prompt_tokens, info.MaxPromptTokens());
  }
  if (max_new_tokens >= info.MaxTotalTokens()) return info.MaxPromptTokens();
  return info.MaxTotalTokens() - max_new_tokens;
}

// Drops tokens from one side until `prompt` has at most `limit`; returns how many.
std::size_t Truncate(bool keep_beginning, std::size_t limit, std::vector<model::TokenId>& prompt) {
  if (prompt.size() <= limit) return 0;
  const std::size_t dropped = prompt.size() - limit;
  if (keep_beginning) {
    prompt.resize(limit);
  } else {
    prompt.erase(prompt.begin(), prompt.begin() + static_cast<std::ptrdiff_t>(dropped));
  }
  return dropped;
}

model::GenerationParams ToParams(const TextRequest& request, const ModelInfo& info) {
  const model::GenerationConfig& defaults = info.defaults;
  model::GenerationParams params;

  const TextRequest::Sampling& sampling = request.sampling;
  params.sampling.temperature = sampling.temperature.value_or(defaults.temperature);
  params.sampling.top_k = sampling.top_k.value_or(defaults.top_k);
  params.sampling.top_p = sampling.top_p.value_or(defaults.top_p);
  params.sampling.min_p = sampling.min_p.value_or(defaults.min_p);
  params.sampling.seed = sampling.seed ? *sampling.seed : Random64();

  const TextRequest::Stopping& stopping = request.stopping;
  params.stopping.max_new_tokens = MaxNewTokens(request, info);
  params.stopping.min_new_tokens = stopping.min_new_tokens;
  if (!stopping.ignore_eos) params.stopping.eos_token_ids = defaults.eos_token_ids;
  params.stopping.stop_token_ids.assign(stopping.stop_token_ids.begin(),
                                        stopping.stop_token_ids.end());
  for (const absl::string_view stop : stopping.stop) params.stopping.stop.emplace_back(stop);
  params.stopping.include_stop = stopping.include_stop;

  params.output.logprobs = request.response.logprobs;
  params.output.candidates = request.response.candidates;
  params.output.special_tokens_in_text = request.response.special_tokens_in_text;
  return params;
}

// When and how the worker runs it, which has no part in what is generated.
void SetSchedule(const TextRequest& request, absl::Time arrival, GenerationRequest& generation) {
  if (request.stopping.time_limit) generation.finish_by = arrival + *request.stopping.time_limit;
  generation.priority = request.priority;
  generation.use_prefix_cache = !request.cache.bypass;
  generation.cache_salt = std::string(request.cache.salt);
  generation.speculate = request.speculation;
}

// What the longest answer to `generation` would have as one message: every token the vocabulary's
// longest, each with its id, and with its log-probabilities and candidates if they are asked for.
std::size_t AnswerBytes(const GenerationRequest& generation, const ModelInfo& info) {
  constexpr std::size_t kIdBytes = 8;
  constexpr std::size_t kLogProbBytes = 32;
  const model::GenerationParams& params = generation.params;
  const std::size_t tokens = std::min<std::size_t>(
      params.stopping.max_new_tokens, info.MaxTotalTokens() - generation.prompt.size());
  std::size_t bytes_per_token = info.max_token_bytes + kIdBytes;
  if (params.output.logprobs) {
    bytes_per_token +=
        (1 + params.output.candidates) * (info.max_token_bytes + kIdBytes + kLogProbBytes);
  }
  return generation.choices * tokens * bytes_per_token;
}

// A default is a bound: where the KV cache holds less than a default max_new_tokens, that is cut to
// what fits.
void CutDefaultToCache(const TextRequest& request, const ModelInfo& info,
                       GenerationRequest& generation) {
  const std::size_t prompt = generation.prompt.size();
  if (request.stopping.max_new_tokens || prompt > info.cache_positions) return;
  std::size_t& max_new_tokens = generation.params.stopping.max_new_tokens;
  if (info.cache_positions < info.config.n_ctx) {
    max_new_tokens = std::min(max_new_tokens, info.cache_positions + 1 - prompt);
  }
}

// Whether the tokenized prompt leaves room for a token, and fits the KV cache together with
// max_new_tokens.
absl::Status CheckFits(const TextRequest& request, const GenerationRequest& generation,
                       const ModelInfo& info) {
  Violations violations(request.field_name);
  const std::size_t prompt = generation.prompt.size();
  if (prompt > info.MaxPromptTokens()) {
    violations.Add(request.text ? "text" : "token_ids",
                   PromptTooLong(absl::StrCat("is ", prompt, " tokens"), info));
    return violations.ToStatus();
  }
  const std::size_t needed = PositionsNeeded(generation, info.config.n_ctx);
  if (needed > info.cache_positions) {
    violations.Add("stopping.max_new_tokens",
                   absl::StrCat("is ", generation.params.stopping.max_new_tokens,
                                "; with a prompt of ", prompt, " tokens that takes ", needed,
                                " positions of the KV cache, which has ", info.cache_positions,
                                "; at most ", info.MaxTotalTokens() - prompt, " would fit"));
  }
  return violations.ToStatus();
}

}  // namespace

absl::StatusOr<PreparedRequest> Prepare(const TextRequest& request, absl::Time deadline,
                                        const ModelInfo& info, const model::Tokenizer& tokenizer) {
  const absl::Time arrival = MonotonicNow();
  if (deadline <= arrival) return absl::DeadlineExceededError("the deadline has passed");
  absl::StatusOr<std::vector<model::TokenId>> prompt = PromptTokens(request, tokenizer);
  if (!prompt.ok()) return prompt.status();
  if (absl::Status status = CheckPromptTokens(request, *prompt, info); !status.ok()) return status;
  PreparedRequest prepared;
  if (request.truncation) {
    const std::size_t limit =
        TruncationLimit(*request.truncation, MaxNewTokens(request, info), info);
    prepared.truncated_tokens = Truncate(request.truncation->keep_beginning, limit, *prompt);
  }
  GenerationRequest& generation = prepared.generation;
  generation.prompt = *std::move(prompt);
  generation.params = ToParams(request, info);
  CutDefaultToCache(request, info, generation);
  if (absl::Status status = CheckFits(request, generation, info); !status.ok()) return status;
  generation.id = request.request_id.empty() ? MakeRequestId() : std::string(request.request_id);
  generation.deadline = deadline;
  SetSchedule(request, arrival, generation);
  prepared.answer_bytes = AnswerBytes(generation, info);
  return prepared;
}

}  // namespace cascade::server
