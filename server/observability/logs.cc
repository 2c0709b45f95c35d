// SPDX-License-Identifier: Apache-2.0

#include "server/observability/logs.h"

#include <algorithm>
#include <memory>
#include <utility>

#include "nlohmann/json.hpp"
#include "spdlog/sinks/stdout_sinks.h"
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

std::string RenderText(absl::string_view message, std::initializer_list<LogField> fields) {
  std::string line(message);
  for (const LogField& field : fields) {
    absl::StrAppend(&line, " ", field.name(), "=",
                    IsPlain(field.value()) ? field.value() : Quoted(field.value()));
  }
  return line;
}

std::string RenderJson(absl::string_view message, std::initializer_list<LogField> fields) {
  std::string line = absl::StrCat("\"message\":", Quoted(message));
  for (const LogField& field : fields) {
    absl::StrAppend(&line, ",\"", field.name(),
                    "\":", field.is_text() ? Quoted(field.value()) : field.value());
  }
  return line;
}

}  // namespace

void StartLogging(const LogOptions& options) {
  const bool json = options.format == LogFormat::kJson;
  auto logger = std::make_shared<spdlog::logger>(json ? kJsonLogger : kTextLogger,
                                                 std::make_shared<spdlog::sinks::stderr_sink_mt>());
  logger->set_level(ToSpdlog(options.level));
  logger->set_pattern(
      json ? R"({"time":"%Y-%m-%dT%H:%M:%S.%eZ","level":"%l",%v})" : "%Y-%m-%dT%H:%M:%S.%eZ %l %v",
      spdlog::pattern_time_type::utc);
  spdlog::set_default_logger(std::move(logger));
}

void Log(LogLevel level, absl::string_view message, std::initializer_list<LogField> fields) {
  spdlog::logger& logger = *spdlog::default_logger_raw();
  if (!logger.should_log(ToSpdlog(level))) return;
  const LogFormat format = logger.name() == kJsonLogger ? LogFormat::kJson : LogFormat::kText;
  const std::string event = RenderEvent(format, message, fields);
  logger.log(ToSpdlog(level), spdlog::string_view_t(event.data(), event.size()));
}

std::string RenderEvent(LogFormat format, absl::string_view message,
                        std::initializer_list<LogField> fields) {
  return format == LogFormat::kJson ? RenderJson(message, fields) : RenderText(message, fields);
}

}  // namespace cascade::server
