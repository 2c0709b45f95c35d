// SPDX-License-Identifier: Apache-2.0

#include "server/observability/grpc_log.h"

#include <string>

#include "google/protobuf/stubs/logging.h"
#include "grpc/support/log.h"
#include "server/observability/logs.h"

namespace cascade::server {
namespace {

void LogForGrpc(gpr_log_func_args* args) {
  const LogLevel level =
      args->severity == GPR_LOG_SEVERITY_ERROR ? LogLevel::kWarning : LogLevel::kDebug;
  Log(level, "grpc", {{"said", args->message}});
}

// A stranger's malformed message is no event of ours.
void LogForProtobuf(google::protobuf::LogLevel /*level*/, const char* /*file*/, int /*line*/,
                    const std::string& message) {
  Log(LogLevel::kDebug, "protobuf", {{"said", message}});
}

}  // namespace

void RouteGrpcLogs() {
  gpr_set_log_function(LogForGrpc);
  google::protobuf::SetLogHandler(LogForProtobuf);
}

}  // namespace cascade::server
