// SPDX-License-Identifier: Apache-2.0
// Where spdlog's logger puts its lines: the queue of a LineWriter.
#pragma once

#include <cstdint>
#include <mutex>
#include <string>

#include "server/observability/line_writer.h"
#include "server/observability/log_limiter.h"
#include "server/observability/logs.h"
#include "spdlog/sinks/base_sink.h"

namespace cascade::server {

// Formats lines on the thread that logs, and queues them. A line that does not fit into the queue
// is dropped and counted; the next one that fits comes after a warning with the count. spdlog's own
// asynchronous logger would drop as well, but its destructor waits for the descriptor without end.
class LogSink final : public spdlog::sinks::base_sink<std::mutex> {
 public:
  // Writes to `fd`, which outlives the process's last line. `format` is that of the events, for the
  // warning.
  LogSink(int fd, LogFormat format, const LineWriter::Bounds& bounds);
  ~LogSink() override;  // as LineWriter's
  LogSink(const LogSink&) = delete;
  LogSink& operator=(const LogSink&) = delete;

  // Queues `line`, without its newline, as it is.
  void WritePlain(std::string line);

  // As LineWriter's.
  bool Flush() { return writer_.Flush(); }

  LogLimiter& limiter() { return limiter_; }

 protected:
  void sink_it_(const spdlog::details::log_msg& message) override;
  void flush_() override {}  // LineWriter writes each line as soon as it can

 private:
  std::string Formatted(const spdlog::details::log_msg& message);

  // Queues the warning, if lines were dropped. False if it does not fit.
  bool ReportDropped();

  const LogFormat format_;
  LogLimiter limiter_;
  std::uint64_t dropped_ = 0;  // not reported yet; under the mutex of base_sink
  LineWriter writer_;
};

}  // namespace cascade::server
