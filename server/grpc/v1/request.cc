// SPDX-License-Identifier: Apache-2.0

#include "server/grpc/v1/request.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "model/tokenizer/tokenizer.h"
#include "server/grpc/duration.h"
#include "server/grpc/model_info.h"
#include "server/grpc/request/limits.h"
#include "server/grpc/request/validation.h"

namespace cascade::server {
namespace {

using TokenIds = google::protobuf::RepeatedField<std::uint32_t>;

std::span<const model::TokenId> ToSpan(const TokenIds& ids) {
  return {ids.data(), static_cast<std::size_t>(ids.size())};
}

// What SamplingParams and ChoiceSampling have in common.
template <typename Message>
void FillSampling(const Message& message, TextRequest::ChoiceSampling& values) {
  if (message.has_temperature()) values.temperature = message.temperature();
  if (message.has_top_k()) values.top_k = message.top_k();
  if (message.has_top_p()) values.top_p = message.top_p();
  if (message.has_min_p()) values.min_p = message.min_p();
  if (message.has_typical_p()) values.typical_p = message.typical_p();
  if (message.has_seed()) values.seed = message.seed();
}

TextRequest::ChoiceSampling ToChoiceSampling(const v1::ChoiceSampling& message) {
  TextRequest::ChoiceSampling values;
  FillSampling(message, values);
  if (message.has_top_n_sigma()) values.top_n_sigma = message.top_n_sigma();
  return values;
}

TextRequest::Sampling ToSampling(const v1::SamplingParams& message, Violations& violations) {
  TextRequest::Sampling sampling;
  FillSampling(message, sampling);
  sampling.top_n_sigma = message.top_n_sigma();
  sampling.n = std::max(message.n(), 1U);
  sampling.best_of = message.best_of().choices();
  sampling.best_by_total = message.best_of().order() == v1::BestOf::ORDER_TOTAL;
  for (const v1::ChoiceSampling& own : message.per_choice()) {
    sampling.per_choice.push_back(ToChoiceSampling(own));
  }
  if (!v1::BestOf::Order_IsValid(message.best_of().order())) {
    violations.Add("sampling.best_of.order",
                   absl::StrCat("is ", static_cast<int>(message.best_of().order()),
                                "; must be ORDER_MEAN or ORDER_TOTAL"));
  }
  return sampling;
}

TextRequest::Beams ToBeams(const v1::BeamSearch& message, Violations& violations) {
  using EarlyStopping = model::BeamParams::EarlyStopping;
  TextRequest::Beams beams;
  beams.width = message.width();
  if (message.has_length_penalty()) beams.length_penalty = message.length_penalty();
  beams.groups = std::max(message.groups(), 1U);
  beams.diversity_penalty = message.diversity_penalty();
  switch (message.early_stopping()) {
    case v1::BeamSearch::EARLY_STOPPING_UNSPECIFIED:
    case v1::BeamSearch::EARLY_STOPPING_HEURISTIC:
      break;
    case v1::BeamSearch::EARLY_STOPPING_WHEN_FULL:
      beams.early_stopping = EarlyStopping::kWhenFull;
      break;
    case v1::BeamSearch::EARLY_STOPPING_NEVER:
      beams.early_stopping = EarlyStopping::kNever;
      break;
    default:
      violations.Add("beam_search.early_stopping",
                     absl::StrCat("is ", static_cast<int>(message.early_stopping()),
                                  "; must be EARLY_STOPPING_HEURISTIC, EARLY_STOPPING_WHEN_FULL or "
                                  "EARLY_STOPPING_NEVER"));
  }
  return beams;
}

TextRequest::Dry ToDry(const v1::Penalties::Dry& message) {
  TextRequest::Dry dry;
  dry.multiplier = message.multiplier();
  if (message.has_base()) dry.base = message.base();
  if (message.has_allowed_length()) dry.allowed_length = message.allowed_length();
  dry.window = message.window();
  dry.breakers.assign(message.breakers().begin(), message.breakers().end());
  return dry;
}

TextRequest::Penalties ToPenalties(const v1::Penalties& message) {
  TextRequest::Penalties penalties;
  if (message.has_repetition()) penalties.repetition = message.repetition();
  penalties.presence = message.presence();
  penalties.frequency = message.frequency();
  penalties.window = message.window();
  if (message.has_count_prompt()) penalties.count_prompt = message.count_prompt();
  if (message.has_no_repeat_ngram_size()) {
    penalties.no_repeat_ngram_size = message.no_repeat_ngram_size();
  }
  penalties.dry = ToDry(message.dry());
  return penalties;
}

TextRequest::TokenRules ToTokenRules(const v1::TokenRules& message) {
  TextRequest::TokenRules rules;
  for (const auto& [token, bias] : message.bias()) rules.bias.push_back({token, bias});
  std::ranges::sort(rules.bias, {}, &model::TokenBias::token);  // a map has no order
  rules.allowed = ToSpan(message.allowed());
  rules.banned = ToSpan(message.banned());
  rules.banned_words.assign(message.banned_words().begin(), message.banned_words().end());
  for (const v1::TokenIds& sequence : message.banned_sequences()) {
    rules.banned_sequences.push_back(ToSpan(sequence.ids()));
  }
  return rules;
}

std::optional<TextRequest::Constraint> ToConstraint(const v1::Constraint& message,
                                                    Violations& violations) {
  using Kind = model::ConstraintSpec::Kind;
  TextRequest::Constraint constraint;
  switch (message.constraint_case()) {
    case v1::Constraint::kRegex:
      constraint = {.kind = Kind::kRegex, .text = message.regex(), .choices = {}};
      break;
    case v1::Constraint::kJsonSchema:
      constraint = {.kind = Kind::kJsonSchema, .text = message.json_schema(), .choices = {}};
      break;
    case v1::Constraint::kJsonObject:
      if (!message.json_object()) return std::nullopt;
      constraint = {.kind = Kind::kJsonObject, .text = {}, .choices = {}};
      break;
    case v1::Constraint::kChoice:
      constraint.kind = Kind::kChoice;
      constraint.choices.assign(message.choice().values().begin(), message.choice().values().end());
      break;
    case v1::Constraint::kGrammar:
      constraint = {.kind = Kind::kGrammar, .text = message.grammar(), .choices = {}};
      break;
    case v1::Constraint::CONSTRAINT_NOT_SET:
      violations.Add(
          "constraint",
          "is empty; must be one of regex, json_schema, json_object, choice and grammar");
      return std::nullopt;
  }
  return constraint;
}

// google.protobuf.Duration's own rules, and more than nothing.
bool IsPositiveDuration(const google::protobuf::Duration& duration) {
  constexpr std::int64_t kMaxSeconds = 315'576'000'000;  // of Duration: 10,000 years
  const bool positive = duration.seconds() > 0 || (duration.seconds() == 0 && duration.nanos() > 0);
  return positive && duration.seconds() <= kMaxSeconds && duration.nanos() >= 0 &&
         duration.nanos() < 1'000'000'000;
}

TextRequest::Stopping ToStopping(const v1::StoppingParams& message, Violations& violations) {
  TextRequest::Stopping stopping;
  if (message.has_max_new_tokens()) stopping.max_new_tokens = message.max_new_tokens();
  stopping.min_new_tokens = message.min_new_tokens();
  stopping.stop.assign(message.stop().begin(), message.stop().end());
  stopping.stop_token_ids = ToSpan(message.stop_token_ids());
  stopping.include_stop = message.include_stop();
  stopping.ignore_eos = message.ignore_eos();
  if (message.has_length_penalty()) {
    stopping.length_penalty = {.start = message.length_penalty().start(),
                               .factor = message.length_penalty().factor()};
  }
  if (!message.has_time_limit()) return stopping;
  if (IsPositiveDuration(message.time_limit())) {
    stopping.time_limit = ToDuration(message.time_limit());
  } else {
    violations.Add("stopping.time_limit",
                   absl::StrCat("is ", message.time_limit().seconds(), " s and ",
                                message.time_limit().nanos(), " ns; must be a Duration above 0"));
  }
  return stopping;
}

TextRequest::Response ToResponse(const v1::ResponseOptions& message, Violations& violations) {
  TextRequest::Response response;
  response.logprobs = message.logprobs();
  response.candidates = message.candidates();
  response.candidate_ids = ToSpan(message.candidate_ids());
  response.ranks = message.ranks();
  response.bytes = message.bytes();
  response.processed = message.distribution() == v1::ResponseOptions::DISTRIBUTION_PROCESSED;
  if (!v1::ResponseOptions::Distribution_IsValid(message.distribution())) {
    violations.Add("response.distribution",
                   absl::StrCat("is ", static_cast<int>(message.distribution()),
                                "; must be DISTRIBUTION_RAW or DISTRIBUTION_PROCESSED"));
  }
  if (message.prompt_logprobs()) {
    response.prompt_logprobs_from = message.prompt_logprobs_from();
  } else if (message.prompt_logprobs_from() > 0) {
    violations.Add("response.prompt_logprobs_from", "needs response.prompt_logprobs");
  }
  response.special_tokens_in_text = message.special_tokens_in_text();
  response.echo = message.echo();
  if (message.stream_interval() > kMaxStreamInterval) {
    violations.Add(
        "response.stream_interval",
        absl::StrCat("is ", message.stream_interval(), "; must be at most ", kMaxStreamInterval));
  }
  return response;
}

}  // namespace

std::string V1FieldName(absl::string_view path) {
  constexpr absl::string_view kTokenIds = "token_ids";
  constexpr absl::string_view kResumed = "resumed";
  if (absl::StartsWith(path, kResumed)) {
    return absl::StrCat("resume.token_ids", path.substr(kResumed.size()));
  }
  const std::size_t dot = path.rfind('.');
  const std::size_t last = dot == absl::string_view::npos ? 0 : dot + 1;
  if (!absl::StartsWith(path.substr(last), kTokenIds)) return std::string(path);
  const std::size_t end = last + kTokenIds.size();
  return absl::StrCat(path.substr(0, end), ".ids", path.substr(end));
}

TextRequest::Truncation ToTruncation(const v1::Truncation& message, Violations& violations) {
  if (!v1::Truncation::Side_IsValid(message.side())) {
    violations.Add("truncation.side", absl::StrCat("is ", static_cast<int>(message.side()),
                                                   "; must be SIDE_LEFT or SIDE_RIGHT"));
  }
  TextRequest::Truncation truncation;
  if (message.has_max_prompt_tokens()) truncation.max_prompt_tokens = message.max_prompt_tokens();
  truncation.keep_beginning = message.side() == v1::Truncation::SIDE_RIGHT;
  return truncation;
}

TextRequest ToTextRequest(const v1::GenerateRequest& message, Violations& violations) {
  TextRequest request;
  request.field_name = V1FieldName;
  request.request_id = message.request_id();
  if (message.has_text()) request.text = message.text();
  if (message.has_token_ids()) request.token_ids = ToSpan(message.token_ids().ids());
  request.parse_special_tokens = message.parse_special_tokens();
  if (message.has_truncation()) request.truncation = ToTruncation(message.truncation(), violations);
  request.sampling = ToSampling(message.sampling(), violations);
  if (message.has_beam_search()) request.beams = ToBeams(message.beam_search(), violations);
  request.resumed = ToSpan(message.resume().token_ids());
  request.resumed_fingerprint = message.resume().fingerprint();
  request.penalties = ToPenalties(message.penalties());
  request.token_rules = ToTokenRules(message.token_rules());
  if (message.has_constraint()) request.constraint = ToConstraint(message.constraint(), violations);
  request.stopping = ToStopping(message.stopping(), violations);
  request.response = ToResponse(message.response(), violations);
  request.cache = {.salt = message.cache().salt(), .bypass = message.cache().bypass()};
  request.priority = message.priority();
  request.speculation = !message.has_speculation() || message.speculation();
  return request;
}

absl::Status Validate(const v1::GenerateRequest& message, const ModelInfo& info) {
  Violations violations(V1FieldName);
  const TextRequest request = ToTextRequest(message, violations);
  Validate(request, info, violations);
  return violations.ToStatus();
}

absl::Status Validate(const v1::TokenizeRequest& message) {
  Violations violations;
  CheckTextSize("text", message.text(), violations);
  return violations.ToStatus();
}

absl::Status Validate(const v1::AbortRequest& message) {
  Violations violations;
  if (message.request_ids().empty()) violations.Add("request_ids", "must have at least one id");
  CheckCount("request_ids", static_cast<std::size_t>(message.request_ids_size()),
             kMaxAbortedRequests, "ids", violations);
  return violations.ToStatus();
}

absl::Status Validate(const v1::DetokenizeRequest& message, const ModelInfo& info,
                      const model::Tokenizer& tokenizer) {
  Violations violations;
  CheckTokenIds("token_ids", ToSpan(message.token_ids()), info, violations);
  std::size_t bytes = 0;
  for (const std::uint32_t id : message.token_ids()) {
    if (id < tokenizer.vocab_size()) bytes += tokenizer.Bytes(id).size();
  }
  if (bytes > kMaxTextBytes) {
    violations.Add("token_ids", absl::StrCat("stand for ", bytes, " bytes; must stand for at most ",
                                             kMaxTextBytes));
  }
  return violations.ToStatus();
}

}  // namespace cascade::server
