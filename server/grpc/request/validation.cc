// SPDX-License-Identifier: Apache-2.0

#include "server/grpc/request/validation.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

#include "absl/strings/str_cat.h"
#include "server/grpc/call/correlation.h"
#include "server/grpc/model_info.h"
#include "server/grpc/request/beam_validation.h"
#include "server/grpc/request/constraint_validation.h"
#include "server/grpc/request/limits.h"
#include "server/grpc/request/logit_rules_validation.h"
#include "server/grpc/request/text_request.h"
#include "server/grpc/request/violations.h"

namespace cascade::server {
namespace {

void CheckRequestId(absl::string_view id, Violations& violations) {
  if (id.size() > kMaxRequestIdBytes) {
    violations.Add("request_id", absl::StrCat("has ", id.size(), " bytes; must have at most ",
                                              kMaxRequestIdBytes));
  }
  if (!IsPrintableAscii(id)) violations.Add("request_id", "must be printable ASCII");
}

void CheckPrompt(const TextRequest& request, const ModelInfo& info, Violations& violations) {
  if (request.text.has_value() == request.token_ids.has_value()) {
    violations.Add("prompt", request.text.has_value() ? "must be text or token_ids, not both"
                                                      : "must be set: text or token_ids");
    return;
  }
  if (request.text) {
    if (request.text->empty()) {
      violations.Add("text",
                     "must not be empty; for text from nothing, send the end-of-text token's id as "
                     "token_ids");
    }
    CheckTextSize("text", *request.text, violations);
    return;
  }
  if (request.token_ids->empty()) violations.Add("token_ids", "must have at least one token");
  CheckTokenIds("token_ids", *request.token_ids, info, violations);
}

// A prompt may be too long only if it may be truncated. How many tokens a text is, is not known
// yet, but no fewer than if each were the vocabulary's longest.
void CheckPromptLength(const TextRequest& request, const ModelInfo& info, Violations& violations) {
  if (request.truncation) return;
  if (request.token_ids && request.token_ids->size() > info.MaxPromptTokens()) {
    violations.Add("token_ids",
                   PromptTooLong(absl::StrCat("is ", request.token_ids->size(), " tokens"), info));
  }
  const std::size_t bytes = request.text ? request.text->size() : 0;
  if (info.max_token_bytes > 0 && bytes / info.max_token_bytes > info.MaxPromptTokens()) {
    violations.Add("text", PromptTooLong(absl::StrCat("has ", bytes, " bytes, which are at least ",
                                                      bytes / info.max_token_bytes, " tokens"),
                                         info));
  }
}

// What bounds the length of a sequence.
std::string Holder(const ModelInfo& info) {
  return info.MaxTotalTokens() == info.config.n_ctx
             ? absl::StrCat("the model's context of ", info.config.n_ctx)
             : absl::StrCat("the KV cache of ", info.cache_positions);
}

void CheckTruncation(const TextRequest& request, Violations& violations) {
  if (request.truncation && request.truncation->max_prompt_tokens == 0U) {
    violations.Add("truncation.max_prompt_tokens", "is 0; must be at least 1");
  }
}

// Those of the request, whose path is "sampling", or of one choice.
template <typename Values>
void CheckSamplingValues(absl::string_view path, const Values& values, Violations& violations) {
  const auto check = [path, &violations](absl::string_view field, float value, bool within,
                                         absl::string_view range) {
    CheckRange(absl::StrCat(path, ".", field), value, within, range, violations);
  };
  const float t = values.temperature.value_or(1.0F);
  check("temperature", t, t >= 0.0F && t <= kMaxTemperature,
        absl::StrCat("[0, ", kMaxTemperature, "]"));
  const float top_p = values.top_p.value_or(1.0F);
  check("top_p", top_p, top_p > 0.0F && top_p <= 1.0F, "(0, 1]");
  const float min_p = values.min_p.value_or(0.0F);
  check("min_p", min_p, min_p >= 0.0F && min_p <= 1.0F, "[0, 1]");
  const float typical_p = values.typical_p.value_or(1.0F);
  check("typical_p", typical_p, typical_p > 0.0F && typical_p <= 1.0F, "(0, 1]");
  const float sigma = values.top_n_sigma.value_or(0.0F);
  check("top_n_sigma", sigma, sigma >= 0.0F && sigma <= kMaxSigma,
        absl::StrCat("[0, ", kMaxSigma, "]"));
}

void CheckSampling(const TextRequest::Sampling& sampling, const ModelInfo& info,
                   Violations& violations) {
  CheckSamplingValues("sampling", sampling, violations);
  if (sampling.n == 0 || sampling.n > info.max_running) {
    violations.Add("sampling.n", absl::StrCat("is ", sampling.n, "; must be from 1 to ",
                                              info.max_running, ", this server's --max_running"));
  }
}

void CheckBestOf(const TextRequest::Sampling& sampling, const ModelInfo& info,
                 Violations& violations) {
  if (sampling.best_of == 0) return;
  if (sampling.best_of < sampling.n || sampling.best_of > info.max_running) {
    violations.Add("sampling.best_of.choices",
                   absl::StrCat("is ", sampling.best_of, "; must be from sampling.n, ", sampling.n,
                                ", to ", info.max_running, ", this server's --max_running"));
  }
}

// The first ones are checked even if there are too many.
void CheckPerChoice(const TextRequest::Sampling& sampling, const ModelInfo& info,
                    Violations& violations) {
  constexpr absl::string_view kPath = "sampling.per_choice";
  const std::size_t choices =
      std::min<std::size_t>(std::max(sampling.n, sampling.best_of), info.max_running);
  CheckCount(kPath, sampling.per_choice.size(), choices, "elements", violations);
  const std::size_t count = std::min(sampling.per_choice.size(), choices);
  for (std::size_t i = 0; i < count; ++i) {
    CheckSamplingValues(Element(kPath, i), sampling.per_choice[i], violations);
  }
}

void CheckStopStrings(const TextRequest::Stopping& stopping, const ModelInfo& info,
                      Violations& violations) {
  const std::size_t count = stopping.stop.size();
  if (count > 0 && !info.has_tokenizer) {
    violations.Add("stopping.stop",
                   "must be empty: this server has no tokenizer (--tokenizer=none), so there is no "
                   "text to find a string in; stop_token_ids work");
  }
  if (count > kMaxStopStrings) {
    violations.Add("stopping.stop",
                   absl::StrCat("has ", count, " strings; must have at most ", kMaxStopStrings));
    return;
  }
  for (std::size_t i = 0; i < count; ++i) {
    const std::size_t size = stopping.stop[i].size();
    if (size == 0) violations.Add(Element("stopping.stop", i), "must not be empty");
    if (size <= kMaxStopStringBytes) continue;
    violations.Add(Element("stopping.stop", i),
                   absl::StrCat("has ", size, " bytes; must have at most ", kMaxStopStringBytes));
  }
}

void CheckStopping(const TextRequest& request, const ModelInfo& info, Violations& violations) {
  const TextRequest::Stopping& stopping = request.stopping;
  const std::size_t max_new_tokens = MaxNewTokens(request, info);
  if (max_new_tokens == 0) {
    violations.Add("stopping.max_new_tokens", "is 0; must be at least 1");
  } else if (stopping.min_new_tokens > max_new_tokens) {
    violations.Add("stopping.min_new_tokens",
                   absl::StrCat("is ", stopping.min_new_tokens,
                                "; must be at most max_new_tokens, ", max_new_tokens));
  }
  CheckStopStrings(stopping, info, violations);
  if (stopping.time_limit && *stopping.time_limit <= absl::ZeroDuration()) {
    violations.Add("stopping.time_limit", "must be above 0");
  }
  if (stopping.length_penalty) {
    const float factor = stopping.length_penalty->factor;
    CheckRange("stopping.length_penalty.factor", factor,
               factor >= 1.0F && factor <= kMaxLengthFactor,
               absl::StrCat("[1, ", kMaxLengthFactor, "]"), violations);
  }
  CheckCount("stopping.stop_token_ids", stopping.stop_token_ids.size(), kMaxStopTokenIds, "ids",
             violations);
  CheckTokenIds("stopping.stop_token_ids", stopping.stop_token_ids, info, violations);
}

void CheckCandidateIds(std::span<const model::TokenId> ids, const ModelInfo& info,
                       Violations& violations) {
  constexpr absl::string_view kPath = "response.candidate_ids";
  CheckCount(kPath, ids.size(), kMaxCandidates, "ids", violations);
  if (ids.size() > kMaxCandidates) return;
  CheckTokenIds(kPath, ids, info, violations);
  for (std::size_t i = 0; i < ids.size(); ++i) {
    if (std::ranges::count(ids.first(i), ids[i]) == 0) continue;
    violations.Add(Element(kPath, i), absl::StrCat("is ", ids[i], ", which is there before"));
  }
}

void CheckResponse(const TextRequest::Response& response, const ModelInfo& info,
                   Violations& violations) {
  if (response.candidates > kMaxCandidates) {
    violations.Add("response.candidates",
                   absl::StrCat("is ", response.candidates, "; must be at most ", kMaxCandidates));
  }
  CheckCandidateIds(response.candidate_ids, info, violations);
  if (response.processed && !response.logprobs) {
    violations.Add("response.distribution", "is DISTRIBUTION_PROCESSED; needs response.logprobs");
  }
  if (response.logprobs || response.prompt_logprobs_from) return;
  constexpr absl::string_view kNeeds = "needs response.logprobs or prompt_logprobs";
  if (response.candidates > 0) violations.Add("response.candidates", kNeeds);
  if (!response.candidate_ids.empty()) violations.Add("response.candidate_ids", kNeeds);
  if (response.ranks) violations.Add("response.ranks", kNeeds);
  if (response.bytes) violations.Add("response.bytes", kNeeds);
}

// Nothing of an answer is told before its end where it is one of several that compete, so there is
// nothing that could be resumed.
void CheckResumed(const TextRequest& request, const ModelInfo& info, Violations& violations) {
  if (request.resumed.empty()) return;
  constexpr absl::string_view kPath = "resumed";
  CheckTokenIds(kPath, request.resumed, info, violations);
  CheckCount(kPath, request.resumed.size(), info.MaxTotalTokens() - 1, "ids", violations);
  const TextRequest::Sampling& sampling = request.sampling;
  if (sampling.n > 1) {
    violations.Add("sampling.n", absl::StrCat("is ", sampling.n,
                                              "; must be 1 with resume: each answer is resumed by "
                                              "a request of its own, with its seed"));
  }
  if (sampling.best_of > 0) {
    violations.Add("sampling.best_of", "tells nothing before its end that could be resumed");
  }
  if (request.beams) {
    violations.Add("beam_search", "tells nothing before its end that could be resumed");
  }
  if (request.response.prompt_logprobs_from) {
    violations.Add("response.prompt_logprobs",
                   "must be off with resume: the stream that broke off has told them");
  }
  const bool has_own_seed = !sampling.per_choice.empty() && sampling.per_choice.front().seed;
  if (!sampling.seed && !has_own_seed) {
    violations.Add(
        "sampling.seed",
        "must be there with resume: the one that PromptInfo told, plus the number of the "
        "choice");
  }
}

void CheckSchedule(const TextRequest& request, const ModelInfo& info, Violations& violations) {
  const std::size_t salt = request.cache.salt.size();
  if (salt > kMaxCacheSaltBytes) {
    violations.Add("cache.salt",
                   absl::StrCat("has ", salt, " bytes; must have at most ", kMaxCacheSaltBytes));
  }
  const int most = request.max_priority.value_or(info.max_priority);
  if (request.priority < kMinPriority || request.priority > most) {
    violations.Add(
        "priority",
        absl::StrCat("is ", request.priority, "; must be from ", kMinPriority, " to ", most,
                     request.max_priority ? ", the caller's max_priority"
                                          : ", this server's --max_priority"));
  }
}

}  // namespace

void Validate(const TextRequest& request, const ModelInfo& info, Violations& violations) {
  ValidateIdentityAndSchedule(request, info, violations);
  CheckPrompt(request, info, violations);
  CheckPromptLength(request, info, violations);
  CheckTruncation(request, violations);
  CheckSampling(request.sampling, info, violations);
  CheckBestOf(request.sampling, info, violations);
  CheckPerChoice(request.sampling, info, violations);
  if (request.beams) CheckBeams(request, info, violations);
  CheckPenalties(request.penalties, info, violations);
  CheckTokenRules(request.token_rules, info, violations);
  if (request.constraint) CheckConstraint(*request.constraint, info, violations);
  CheckStopping(request, info, violations);
  CheckResponse(request.response, info, violations);
  CheckResumed(request, info, violations);
}

void ValidateIdentityAndSchedule(const TextRequest& request, const ModelInfo& info,
                                 Violations& violations) {
  CheckRequestId(request.request_id, violations);
  CheckSchedule(request, info, violations);
}

std::size_t MaxNewTokens(const TextRequest& request, const ModelInfo& info) {
  if (request.stopping.max_new_tokens) return *request.stopping.max_new_tokens;
  const std::size_t by_default = info.defaults.max_new_tokens.value_or(0);
  return std::max<std::size_t>(by_default, request.stopping.min_new_tokens);
}

std::string PromptTooLong(absl::string_view size, const ModelInfo& info) {
  return absl::StrCat(size, "; ", Holder(info), " positions takes prompts of at most ",
                      info.MaxPromptTokens(), "; shorten it, or set truncation");
}

std::string SequenceTooLong(std::size_t tokens, std::size_t most, const ModelInfo& info) {
  return absl::StrCat(tokens, " tokens; must be at most ", most, ", for ", Holder(info),
                      " positions");
}

}  // namespace cascade::server
