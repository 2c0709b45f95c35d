// SPDX-License-Identifier: Apache-2.0

#include "server/grpc/call/request_log.h"

#include <cstddef>
#include <string>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "server/grpc/auth/tenant.h"
#include "server/grpc/call/answer.h"
#include "server/grpc/call/correlation.h"
#include "server/observability/logs.h"

namespace cascade::server {
namespace {

// Of a prompt that is logged.
constexpr std::size_t kMaxPromptBytes = 4096;

// As the API's FinishReason has them, whatever the dialect of the call. Of all choices, separated
// by commas.
std::string FinishReasons(const Answer& answer) {
  std::string reasons;
  for (std::size_t choice = 0; choice < answer.choices(); ++choice) {
    if (!answer.finish(choice)) continue;
    absl::StrAppend(&reasons, reasons.empty() ? "" : ",", "FINISH_REASON_",
                    absl::AsciiStrToUpper(FinishReasonName(answer.finish(choice)->reason)));
  }
  return reasons;
}

// What the lines of all calls begin with. What is not known has no field.
std::vector<LogField> Identity(const MethodName& method, const Correlation& correlation,
                               const Tenant* tenant, absl::string_view request_id) {
  std::vector<LogField> fields = {{"method", absl::StrCat(method.service, "/", method.method)}};
  const auto add = [&fields](absl::string_view name, absl::string_view value) {
    if (!value.empty()) fields.emplace_back(name, value);
  };
  add("request_id", request_id);
  // Often the id that the request has; then once is enough.
  if (correlation.request_id != request_id) add("x_request_id", correlation.request_id);
  if (correlation.correlation_id != request_id) add("x_correlation_id", correlation.correlation_id);
  add("traceparent", correlation.traceparent);
  add("peer", correlation.peer);
  if (tenant != nullptr) add("caller", tenant->name());
  return fields;
}

void AddOutcome(const absl::Status& status, std::vector<LogField>& fields) {
  fields.emplace_back("code", absl::StatusCodeToString(status.code()));
  fields.emplace_back("error", status.message());
}

void Write(const EndedGeneration& generation) {
  const Answer& answer = generation.answer;
  const absl::Status& status = generation.status;
  std::vector<LogField> fields = Identity(generation.call.method, generation.correlation,
                                          generation.tenant, answer.request_id());
  fields.emplace_back("prompt_tokens", answer.prompt_tokens());
  if (answer.resumed_tokens() > 0) fields.emplace_back("resumed_tokens", answer.resumed_tokens());
  if (!status.ok()) {
    fields.emplace_back("generated_tokens", answer.generated_tokens());
    AddOutcome(status, fields);
    // What the worker refused, or ended while it waited, has cost nothing: a flood of it is no
    // news.
    Log(answer.started() ? LogLevel::kInfo : LogLevel::kDebug, "request failed", fields);
    return;
  }
  fields.emplace_back("code", "OK");
  fields.emplace_back("cached_tokens", answer.cached_tokens());
  fields.emplace_back("generated_tokens", answer.generated_tokens());
  fields.emplace_back("finish_reason", FinishReasons(answer));
  fields.emplace_back("queue_ms", absl::ToDoubleMilliseconds(answer.timings().queue));
  fields.emplace_back("prefill_ms", absl::ToDoubleMilliseconds(answer.timings().prefill));
  fields.emplace_back("decode_ms", absl::ToDoubleMilliseconds(answer.timings().decode));
  // Not limited: the log accounts for every answer, and computing one limits how many there are.
  LogEach(LogLevel::kInfo, "request finished", fields);
}

}  // namespace

void RequestLog::OnGenerationEnd(const EndedGeneration& generation) const noexcept {
  try {
    Write(generation);
  } catch (...) {
  }
}

void RequestLog::OnAdmitted(const AdmittedRequest& request) const noexcept {
  if (!prompts_) return;
  try {
    LogEach(LogLevel::kInfo, "prompt",
            {{"request_id", request.request_id},
             {"caller", request.tenant == nullptr ? "" : request.tenant->name()},
             {"text", request.text.substr(0, kMaxPromptBytes)}});
  } catch (...) {
  }
}

void RequestLog::OnRefused(const RefusedRequest& request) const noexcept {
  try {
    // An id that was refused may be anything, of any length.
    std::vector<LogField> fields = Identity(request.method, request.correlation, request.tenant,
                                            request.request_id.substr(0, kMaxRequestIdBytes));
    AddOutcome(request.status, fields);
    Log(LogLevel::kDebug, "request refused", fields);
  } catch (...) {
  }
}

void RequestLog::OnCallEnd(const EndedCall& call) const noexcept {
  if (!absl::IsUnauthenticated(call.status)) return;
  try {
    std::vector<LogField> fields = Identity(call.call.method, call.correlation, nullptr, "");
    AddOutcome(call.status, fields);
    Log(LogLevel::kInfo, "caller refused", fields);
  } catch (...) {
  }
}

}  // namespace cascade::server
