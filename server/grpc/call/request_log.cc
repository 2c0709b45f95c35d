// SPDX-License-Identifier: Apache-2.0

#include "server/grpc/call/request_log.h"

#include <cstddef>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "server/grpc/call/answer.h"
#include "server/observability/logs.h"

namespace cascade::server {
namespace {

// As the API's FinishReason has them, whatever the dialect of the call.
absl::string_view Name(model::FinishReason reason) {
  switch (reason) {
    case model::FinishReason::kEos:
      return "FINISH_REASON_EOS";
    case model::FinishReason::kStopToken:
      return "FINISH_REASON_STOP_TOKEN";
    case model::FinishReason::kStopString:
      return "FINISH_REASON_STOP_STRING";
    case model::FinishReason::kMaxTokens:
      return "FINISH_REASON_MAX_TOKENS";
    case model::FinishReason::kContextFull:
      return "FINISH_REASON_CONTEXT_FULL";
    case model::FinishReason::kTimeLimit:
      return "FINISH_REASON_TIME_LIMIT";
  }
  return "";
}

// Of all choices, separated by commas.
std::string FinishReasons(const Answer& answer) {
  std::string reasons;
  for (std::size_t choice = 0; choice < answer.choices(); ++choice) {
    if (!answer.finish(choice)) continue;
    absl::StrAppend(&reasons, reasons.empty() ? "" : ",", Name(answer.finish(choice)->reason));
  }
  return reasons;
}

void WriteFinished(absl::string_view method, const Answer& answer, const absl::Status& status) {
  if (!status.ok()) {
    // What the worker refused, or ended while it waited, has cost nothing: a flood of it is no
    // news.
    Log(answer.started() ? LogLevel::kInfo : LogLevel::kDebug, "request failed",
        {{"method", method},
         {"request_id", answer.request_id()},
         {"prompt_tokens", answer.prompt_tokens()},
         {"generated_tokens", answer.generated_tokens()},
         {"code", absl::StatusCodeToString(status.code())},
         {"error", status.message()}});
    return;
  }
  // Not limited: the log accounts for every answer, and computing one limits how many there are.
  LogEach(LogLevel::kInfo, "request finished",
          {{"method", method},
           {"request_id", answer.request_id()},
           {"prompt_tokens", answer.prompt_tokens()},
           {"cached_tokens", answer.cached_tokens()},
           {"generated_tokens", answer.generated_tokens()},
           {"finish_reason", FinishReasons(answer)},
           {"queue_ms", absl::ToDoubleMilliseconds(answer.timings().queue)},
           {"prefill_ms", absl::ToDoubleMilliseconds(answer.timings().prefill)},
           {"decode_ms", absl::ToDoubleMilliseconds(answer.timings().decode)}});
}

}  // namespace

void LogFinished(absl::string_view method, const Answer& answer,
                 const absl::Status& status) noexcept {
  try {
    WriteFinished(method, answer, status);
  } catch (...) {
  }
}

void LogRefused(absl::string_view method, absl::string_view request_id,
                const absl::Status& status) noexcept {
  try {
    // An id that was refused may be anything, of any length.
    Log(LogLevel::kDebug, "request refused",
        {{"method", method},
         {"request_id", request_id.substr(0, 128)},
         {"code", absl::StatusCodeToString(status.code())},
         {"error", status.message()}});
  } catch (...) {
  }
}

}  // namespace cascade::server
