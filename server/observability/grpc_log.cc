#include "server/observability/grpc_log.h"

#include "grpc/support/log.h"
#include "server/observability/logs.h"

namespace cascade::server {
namespace {

void LogForGrpc(gpr_log_func_args* args) {
  const LogLevel level =
      args->severity == GPR_LOG_SEVERITY_ERROR ? LogLevel::kWarning : LogLevel::kDebug;
  Log(level, "grpc", {{"said", args->message}});
}

}  // namespace

void RouteGrpcLogs() { gpr_set_log_function(LogForGrpc); }

}  // namespace cascade::server
