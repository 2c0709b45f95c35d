// SPDX-License-Identifier: Apache-2.0

#include "server/observability/log_sink.h"

#include <utility>

namespace cascade::server {

LogSink::LogSink(int fd, LogFormat format, const LineWriter::Bounds& bounds)
    : format_(format), writer_(fd, bounds) {}

LogSink::~LogSink() { ReportDropped(); }

void LogSink::WritePlain(std::string line) {
  const std::lock_guard<std::mutex> lock(mutex_);
  line += '\n';
  if (!ReportDropped() || !writer_.TryPush(std::move(line))) ++dropped_;
}

void LogSink::sink_it_(const spdlog::details::log_msg& message) {
  if (!ReportDropped() || !writer_.TryPush(Formatted(message))) ++dropped_;
}

std::string LogSink::Formatted(const spdlog::details::log_msg& message) {
  spdlog::memory_buf_t line;
  formatter_->format(message, line);
  return {line.data(), line.size()};
}

bool LogSink::ReportDropped() {
  dropped_ += writer_.TakeFailed();
  if (dropped_ == 0) return true;
  const std::string event = RenderEvent(format_, "log lines dropped", {{"lines", dropped_}});
  if (!writer_.TryPush(Formatted({"", spdlog::level::warn, event}))) return false;
  dropped_ = 0;
  return true;
}

}  // namespace cascade::server
