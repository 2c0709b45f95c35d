// SPDX-License-Identifier: Apache-2.0
// In the place of grpc_log.cc where gRPC and Protobuf log with Abseil, as they do since 2024 and
// 2023. CMakeLists.txt chooses.

#include <cstddef>

#include "absl/base/log_severity.h"
#include "absl/log/globals.h"
#include "absl/log/initialize.h"
#include "absl/log/log_entry.h"
#include "absl/log/log_sink.h"
#include "absl/log/log_sink_registry.h"
#include "absl/strings/match.h"
#include "absl/strings/string_view.h"
#include "server/observability/grpc_log.h"
#include "server/observability/grpc_message.h"
#include "server/observability/logs.h"

namespace cascade::server {
namespace {

// A peer may choose a part of the message, so a line has a bound.
constexpr std::size_t kMaxMessageBytes = 1024;

class Sink : public absl::LogSink {
 public:
  void Send(const absl::LogEntry& entry) override {
    // A stranger's malformed message is no event of ours.
    const bool of_protobuf = absl::StrContains(entry.source_filename(), "google/protobuf/");
    const bool is_error = entry.log_severity() >= absl::LogSeverity::kError;
    if (of_protobuf) {
      Log(LogLevel::kDebug, "protobuf",
          {{"said", entry.text_message().substr(0, kMaxMessageBytes)}});
    } else {
      LogGrpcMessage(is_error ? LogLevel::kWarning : LogLevel::kDebug, entry.text_message());
    }
  }
};

}  // namespace

void RouteGrpcLogs() {
  static Sink* const sink = new Sink;  // threads of gRPC may log until the process ends
  absl::InitializeLog();
  // Why a process dies goes to stderr at once too: the sink's line may come too late.
  absl::SetStderrThreshold(absl::LogSeverityAtLeast::kFatal);
  absl::AddLogSink(sink);
}

}  // namespace cascade::server
