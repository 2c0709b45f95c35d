#include "server/grpc/validation.h"

#include <algorithm>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "google/protobuf/repeated_field.h"
#include "server/grpc/status.h"

namespace cascade::server {
namespace {

class Violations {
 public:
  void Add(absl::string_view field, absl::string_view description) {
    list_.push_back({std::string(field), std::string(description)});
  }

  absl::Status ToStatus() const {
    return list_.empty() ? absl::OkStatus() : BadRequestError(list_);
  }

 private:
  std::vector<FieldViolation> list_;
};

// "sampling.top_p"
std::string Path(absl::string_view message, absl::string_view field) {
  return absl::StrCat(message, ".", field);
}

// "stopping.stop[2]"
std::string Element(absl::string_view list, int index) {
  return absl::StrCat(list, "[", index, "]");
}

// Names the first few wrong ids and counts the others: a prompt may have a million.
void CheckTokenIds(absl::string_view field,
                   const google::protobuf::RepeatedField<std::uint32_t>& ids, const ModelInfo& info,
                   Violations& violations) {
  constexpr std::size_t kNamed = 8;
  const std::string range = absl::StrCat("must be below vocab_size, ", info.config.vocab_size);
  std::size_t wrong = 0;
  for (int i = 0; i < ids.size(); ++i) {
    if (ids[i] < info.config.vocab_size) continue;
    if (++wrong > kNamed) continue;
    violations.Add(Element(field, i), absl::StrCat("is ", ids[i], "; ", range));
  }
  if (wrong > kNamed) {
    violations.Add(field, absl::StrCat(wrong - kNamed, " more ids ", range));
  }
}

void CheckTextSize(absl::string_view text, Violations& violations) {
  if (text.size() <= kMaxTextBytes) return;
  violations.Add("text",
                 absl::StrCat("has ", text.size(), " bytes; must have at most ", kMaxTextBytes));
}

void CheckRequestId(absl::string_view id, Violations& violations) {
  if (id.size() > kMaxRequestIdBytes) {
    violations.Add("request_id", absl::StrCat("has ", id.size(), " bytes; must have at most ",
                                              kMaxRequestIdBytes));
  }
  if (std::any_of(id.begin(), id.end(), [](char c) { return c < 0x20 || c > 0x7E; })) {
    violations.Add("request_id", "must be printable ASCII");
  }
}

// A prompt may be too long only if it may not be truncated. How many tokens a text is, is not known
// yet, but no fewer than if all were the longest.
void CheckPromptLength(const v1::GenerateRequest& request, const ModelInfo& info,
                       Violations& violations) {
  if (request.has_truncation()) return;
  const auto ids = static_cast<std::size_t>(request.token_ids().ids_size());
  if (ids > info.MaxPromptTokens()) {
    violations.Add("token_ids.ids", PromptTooLong(absl::StrCat("is ", ids, " tokens"), info));
  }
  const std::size_t bytes = request.text().size();
  if (info.max_token_bytes > 0 && bytes / info.max_token_bytes > info.MaxPromptTokens()) {
    violations.Add("text", PromptTooLong(absl::StrCat("has ", bytes, " bytes, which are at least ",
                                                      bytes / info.max_token_bytes, " tokens"),
                                         info));
  }
}

void CheckPrompt(const v1::GenerateRequest& request, const ModelInfo& info,
                 Violations& violations) {
  switch (request.prompt_case()) {
    case v1::GenerateRequest::kText:
      if (request.text().empty()) {
        violations.Add("text",
                       "must not be empty; for text from nothing, send the end-of-text token's id "
                       "as token_ids");
      }
      CheckTextSize(request.text(), violations);
      return;
    case v1::GenerateRequest::kTokenIds:
      if (request.token_ids().ids().empty()) {
        violations.Add("token_ids.ids", "must have at least one token");
      }
      CheckTokenIds("token_ids.ids", request.token_ids().ids(), info, violations);
      return;
    case v1::GenerateRequest::PROMPT_NOT_SET:
      violations.Add("prompt", "must be set: text or token_ids");
      return;
  }
}

void CheckSchedule(const v1::GenerateRequest& request, const ModelInfo& info,
                   Violations& violations) {
  const std::size_t salt = request.cache().salt().size();
  if (salt > kMaxCacheSaltBytes) {
    violations.Add("cache.salt",
                   absl::StrCat("has ", salt, " bytes; must have at most ", kMaxCacheSaltBytes));
  }
  if (request.priority() < kMinPriority || request.priority() > info.max_priority) {
    violations.Add("priority",
                   absl::StrCat("is ", request.priority(), "; must be from ", kMinPriority, " to ",
                                info.max_priority, ", this server's --max_priority"));
  }
}

void CheckTruncation(const v1::Truncation& truncation, Violations& violations) {
  if (truncation.has_max_prompt_tokens() && truncation.max_prompt_tokens() == 0) {
    violations.Add("truncation.max_prompt_tokens", "is 0; must be at least 1");
  }
  if (!v1::Truncation::Side_IsValid(truncation.side())) {
    violations.Add("truncation.side", absl::StrCat("is ", static_cast<int>(truncation.side()),
                                                   "; must be SIDE_LEFT or SIDE_RIGHT"));
  }
}

void CheckSampling(const v1::SamplingParams& sampling, Violations& violations) {
  // Written so that NaN fails.
  const auto check = [&violations](absl::string_view name, float value, bool within,
                                   absl::string_view range) {
    if (within) return;
    violations.Add(Path("sampling", name), absl::StrCat("is ", value, "; must be in ", range));
  };
  if (sampling.has_temperature()) {
    const float t = sampling.temperature();
    check("temperature", t, t >= 0.0F && t <= kMaxTemperature,
          absl::StrCat("[0, ", kMaxTemperature, "]"));
  }
  if (sampling.has_top_p()) {
    const float p = sampling.top_p();
    check("top_p", p, p > 0.0F && p <= 1.0F, "(0, 1]");
  }
  if (sampling.has_min_p()) {
    const float p = sampling.min_p();
    check("min_p", p, p >= 0.0F && p <= 1.0F, "[0, 1]");
  }
}

void CheckStopStrings(const v1::StoppingParams& stopping, Violations& violations) {
  const int count = stopping.stop_size();
  if (count > static_cast<int>(kMaxStopStrings)) {
    violations.Add("stopping.stop",
                   absl::StrCat("has ", count, " strings; must have at most ", kMaxStopStrings));
    return;
  }
  for (int i = 0; i < count; ++i) {
    const std::size_t size = stopping.stop(i).size();
    if (size == 0) violations.Add(Element("stopping.stop", i), "must not be empty");
    if (size <= kMaxStopStringBytes) continue;
    violations.Add(Element("stopping.stop", i),
                   absl::StrCat("has ", size, " bytes; must have at most ", kMaxStopStringBytes));
  }
}

// google.protobuf.Duration's own rules, and more than nothing.
void CheckTimeLimit(const google::protobuf::Duration& limit, Violations& violations) {
  constexpr std::int64_t kMaxSeconds = 315'576'000'000;  // of Duration: 10,000 years
  const bool positive = limit.seconds() > 0 || (limit.seconds() == 0 && limit.nanos() > 0);
  if (positive && limit.seconds() <= kMaxSeconds && limit.nanos() >= 0 &&
      limit.nanos() < 1'000'000'000) {
    return;
  }
  violations.Add("stopping.time_limit",
                 absl::StrCat("is ", limit.seconds(), " s and ", limit.nanos(),
                              " ns; must be a Duration above 0"));
}

void CheckStopping(const v1::StoppingParams& stopping, const ModelInfo& info,
                   Violations& violations) {
  const std::size_t max_new_tokens = stopping.has_max_new_tokens()
                                         ? stopping.max_new_tokens()
                                         : info.defaults.max_new_tokens.value_or(0);
  if (max_new_tokens == 0) {
    violations.Add("stopping.max_new_tokens", "is 0; must be at least 1");
  } else if (stopping.min_new_tokens() > max_new_tokens) {
    violations.Add(
        "stopping.min_new_tokens",
        absl::StrCat("is ", stopping.min_new_tokens(), "; must be at most max_new_tokens, ",
                     max_new_tokens, stopping.has_max_new_tokens() ? "" : " by default"));
  }
  CheckStopStrings(stopping, violations);
  if (stopping.has_time_limit()) CheckTimeLimit(stopping.time_limit(), violations);
  if (stopping.stop_token_ids_size() > static_cast<int>(kMaxStopTokenIds)) {
    violations.Add("stopping.stop_token_ids",
                   absl::StrCat("has ", stopping.stop_token_ids_size(), " ids; must have at most ",
                                kMaxStopTokenIds));
  }
  CheckTokenIds("stopping.stop_token_ids", stopping.stop_token_ids(), info, violations);
}

void CheckResponse(const v1::ResponseOptions& response, Violations& violations) {
  if (response.candidates() > kMaxCandidates) {
    violations.Add("response.candidates", absl::StrCat("is ", response.candidates(),
                                                       "; must be at most ", kMaxCandidates));
  }
  if (response.candidates() > 0 && !response.logprobs()) {
    violations.Add("response.candidates", "needs response.logprobs");
  }
}

}  // namespace

absl::Status Validate(const v1::GenerateRequest& request, const ModelInfo& info) {
  Violations violations;
  CheckRequestId(request.request_id(), violations);
  CheckPrompt(request, info, violations);
  CheckPromptLength(request, info, violations);
  CheckTruncation(request.truncation(), violations);
  CheckSampling(request.sampling(), violations);
  CheckStopping(request.stopping(), info, violations);
  CheckResponse(request.response(), violations);
  CheckSchedule(request, info, violations);
  return violations.ToStatus();
}

std::string PromptTooLong(absl::string_view size, const ModelInfo& info) {
  const std::string holder = info.MaxTotalTokens() == info.config.n_ctx
                                 ? absl::StrCat("the model's context of ", info.config.n_ctx)
                                 : absl::StrCat("the KV cache of ", info.cache_positions);
  return absl::StrCat(size, "; ", holder, " positions takes prompts of at most ",
                      info.MaxPromptTokens(), "; shorten it, or set truncation");
}

absl::Status Validate(const v1::TokenizeRequest& request) {
  Violations violations;
  CheckTextSize(request.text(), violations);
  return violations.ToStatus();
}

absl::Status Validate(const v1::DetokenizeRequest& request, const ModelInfo& info,
                      const model::Tokenizer& tokenizer) {
  Violations violations;
  CheckTokenIds("token_ids", request.token_ids(), info, violations);
  std::size_t bytes = 0;
  for (const std::uint32_t id : request.token_ids()) {
    if (id < tokenizer.vocab_size()) bytes += tokenizer.Bytes(id).size();
  }
  if (bytes > kMaxTextBytes) {
    violations.Add("token_ids", absl::StrCat("stand for ", bytes, " bytes; must stand for at most ",
                                             kMaxTextBytes));
  }
  return violations.ToStatus();
}

}  // namespace cascade::server
