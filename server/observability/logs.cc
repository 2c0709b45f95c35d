// SPDX-License-Identifier: Apache-2.0

#include "server/observability/logs.h"

#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "nlohmann/json.hpp"
#include "server/observability/log_sink.h"
#include "spdlog/spdlog.h"

namespace cascade::server {
namespace {

// The logger's name says its format, so that Log needs no state beside spdlog's own.
constexpr char kTextLogger[] = "text";
constexpr char kJsonLogger[] = "json";

spdlog::level::level_enum ToSpdlog(LogLevel level) {
  switch (level) {
    case LogLevel::kDebug:
      return spdlog::level::debug;
    case LogLevel::kInfo:
      return spdlog::level::info;
    case LogLevel::kWarning:
      return spdlog::level::warn;
    case LogLevel::kError:
      return spdlog::level::err;
    case LogLevel::kOff:
      return spdlog::level::off;
  }
  return spdlog::level::info;
}

std::string Quoted(absl::string_view text) {
  return nlohmann::json(std::string(text))
      .dump(-1, ' ', /*ensure_ascii=*/true, nlohmann::json::error_handler_t::replace);
}

// Whether `value` can stand in a key=value list as it is.
bool IsPlain(absl::string_view value) {
  return !value.empty() && std::all_of(value.begin(), value.end(), [](char c) {
    return c > ' ' && c < 0x7F && c != '"' && c != '=' && c != '\\';
  });
}

void AppendText(const LogField& field, std::string& line) {
  absl::StrAppend(&line, " ", field.name(), "=",
                  IsPlain(field.value()) ? field.value() : Quoted(field.value()));
}

void AppendJson(const LogField& field, std::string& line) {
  absl::StrAppend(&line, ",\"", field.name(),
                  "\":", field.is_text() ? Quoted(field.value()) : field.value());
}

std::string RenderFields(LogFormat format, absl::Span<const LogField> fields) {
  std::string line;
  for (const LogField& field : fields) {
    format == LogFormat::kJson ? AppendJson(field, line) : AppendText(field, line);
  }
  return line;
}

// The sink of the logger that StartLogging has made; null before its first call.
LogSink* StartedSink() {
  const spdlog::logger& logger = *spdlog::default_logger_raw();
  if (logger.name() != kTextLogger && logger.name() != kJsonLogger) return nullptr;
  return static_cast<LogSink*>(logger.sinks().front().get());
}

void Write(spdlog::logger& logger, LogLevel level, absl::string_view event) {
  logger.log(ToSpdlog(level), spdlog::string_view_t(event.data(), event.size()));
}

LogFormat FormatOf(const spdlog::logger& logger) {
  return logger.name() == kJsonLogger ? LogFormat::kJson : LogFormat::kText;
}

}  // namespace

void StartLogging(const LogOptions& options) {
  const bool json = options.format == LogFormat::kJson;
  auto logger = std::make_shared<spdlog::logger>(
      json ? kJsonLogger : kTextLogger,
      std::make_shared<LogSink>(STDERR_FILENO, options.format, LineWriter::Bounds()));
  logger->set_level(ToSpdlog(options.level));
  logger->set_pattern(
      json ? R"({"time":"%Y-%m-%dT%H:%M:%S.%eZ","level":"%l",%v})" : "%Y-%m-%dT%H:%M:%S.%eZ %l %v",
      spdlog::pattern_time_type::utc);
  // spdlog's own handler would write to stderr, and wait for it.
  logger->set_error_handler([](const std::string& /*error*/) {});
  const std::string old = spdlog::default_logger_raw()->name();
  const std::string name = logger->name();
  spdlog::set_default_logger(std::move(logger));
  // Later versions of spdlog keep the logger before under its name, and with it lines that wait.
  if (old != name) spdlog::drop(old);
}

void Log(LogLevel level, absl::string_view message, absl::Span<const LogField> fields) {
  spdlog::logger& logger = *spdlog::default_logger_raw();
  if (!logger.should_log(ToSpdlog(level))) return;
  LogSink* const sink = StartedSink();
  if (level == LogLevel::kDebug || sink == nullptr) return LogEach(level, message, fields);
  const std::optional<std::uint64_t> left_out = sink->limiter().Admit(
      message, absl::FromChrono(std::chrono::steady_clock::now().time_since_epoch()));
  if (!left_out.has_value()) return;
  std::string event = RenderEvent(FormatOf(logger), message, fields);
  if (*left_out > 0) event += RenderFields(FormatOf(logger), {{"left_out_before", *left_out}});
  Write(logger, level, event);
}

void LogEach(LogLevel level, absl::string_view message, absl::Span<const LogField> fields) {
  spdlog::logger& logger = *spdlog::default_logger_raw();
  if (!logger.should_log(ToSpdlog(level))) return;
  Write(logger, level, RenderEvent(FormatOf(logger), message, fields));
}

void FlushLogs() {
  if (LogSink* const sink = StartedSink()) sink->Flush();
}

void WriteLastLine(absl::string_view line) {
  if (StartedSink() == nullptr) StartLogging({});
  LogSink& sink = *StartedSink();
  sink.Flush();  // makes room in the queue
  sink.WritePlain(std::string(line));
  sink.Flush();
}

std::string RenderEvent(LogFormat format, absl::string_view message,
                        absl::Span<const LogField> fields) {
  return absl::StrCat(format == LogFormat::kJson ? absl::StrCat("\"message\":", Quoted(message))
                                                 : std::string(message),
                      RenderFields(format, fields));
}

}  // namespace cascade::server
