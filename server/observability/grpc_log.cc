// SPDX-License-Identifier: Apache-2.0

#include "server/observability/grpc_log.h"

#include <cstddef>
#include <string>

#include "absl/strings/string_view.h"
#include "google/protobuf/stubs/logging.h"
#include "grpc/support/log.h"
#include "server/observability/grpc_message.h"
#include "server/observability/logs.h"

namespace cascade::server {
namespace {

// A peer may choose a part of the message, so a line has a bound.
constexpr std::size_t kMaxMessageBytes = 1024;

void LogForGrpc(gpr_log_func_args* args) {
  const LogLevel level =
      args->severity == GPR_LOG_SEVERITY_ERROR ? LogLevel::kWarning : LogLevel::kDebug;
  LogGrpcMessage(level, args->message);
}

// A stranger's malformed message is no event of ours.
void LogForProtobuf(google::protobuf::LogLevel /*level*/, const char* /*file*/, int /*line*/,
                    const std::string& message) {
  Log(LogLevel::kDebug, "protobuf",
      {{"said", absl::string_view(message).substr(0, kMaxMessageBytes)}});
}

}  // namespace

void RouteGrpcLogs() {
  gpr_set_log_function(LogForGrpc);
  google::protobuf::SetLogHandler(LogForProtobuf);
}

}  // namespace cascade::server
