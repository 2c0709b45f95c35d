#include "server/grpc/request_log.h"

#include <string>

#include "server/observability/logs.h"

namespace cascade::server {
namespace {

double Milliseconds(const google::protobuf::Duration& duration) {
  return static_cast<double>(duration.seconds()) * 1e3 + duration.nanos() * 1e-6;
}

void WriteFinished(absl::string_view method, const Answer& answer, const absl::Status& status) {
  if (!status.ok()) {
    Log(LogLevel::kInfo, "request failed",
        {{"method", method},
         {"request_id", answer.request_id()},
         {"prompt_tokens", answer.prompt_tokens()},
         {"generated_tokens", answer.generated_tokens()},
         {"code", absl::StatusCodeToString(status.code())},
         {"error", status.message()}});
    return;
  }
  Log(LogLevel::kInfo, "request finished",
      {{"method", method},
       {"request_id", answer.request_id()},
       {"prompt_tokens", answer.prompt_tokens()},
       {"cached_tokens", answer.cached_tokens()},
       {"generated_tokens", answer.generated_tokens()},
       {"finish_reason", v1::FinishReason_Name(answer.finish().reason())},
       {"queue_ms", Milliseconds(answer.timings().queue())},
       {"prefill_ms", Milliseconds(answer.timings().prefill())},
       {"decode_ms", Milliseconds(answer.timings().decode())}});
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
