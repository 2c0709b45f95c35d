// SPDX-License-Identifier: Apache-2.0
// Log lines on stderr: one event a line, as text for people or as JSON for machines.
#pragma once

#include <concepts>
#include <cstdint>
#include <initializer_list>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"

namespace cascade::server {

enum class LogLevel : std::uint8_t { kDebug, kInfo, kWarning, kError, kOff };
enum class LogFormat : std::uint8_t {
  kText,  // 2025-01-31T12:00:00.000Z info request finished request_id=7f3a generated_tokens=40
  kJson,  // {"time":"...","level":"info","message":"request finished","request_id":"7f3a",...}
};

struct LogOptions {
  LogLevel level = LogLevel::kInfo;
  LogFormat format = LogFormat::kText;
};

// A named value of an event.
class LogField {
 public:
  LogField(absl::string_view name, absl::string_view text)
      : name_(name), value_(text), is_text_(true) {}
  template <typename Number>
  requires std::integral<Number> || std::floating_point<Number> LogField(absl::string_view name,
                                                                         Number number)
      : name_(name), value_(absl::StrCat(number)), is_text_(false) {}

  absl::string_view name() const { return name_; }
  const std::string& value() const { return value_; }
  bool is_text() const { return is_text_; }

 private:
  absl::string_view name_;  // a literal
  std::string value_;
  bool is_text_;
};

// Sends all later events of this level and above to stderr, in this format. Call it once, before
// other threads log. Times are UTC.
void StartLogging(const LogOptions& options);

// Writes one event. Any thread; it may wait for stderr, so the worker's thread does not call it.
// Bytes that are not UTF-8 become U+FFFD, and characters that would break the line are escaped,
// except in the `message` of the text format, which callers write as a literal.
void Log(LogLevel level, absl::string_view message, std::initializer_list<LogField> fields = {});

// What Log writes after time and level; for tests.
std::string RenderEvent(LogFormat format, absl::string_view message,
                        std::initializer_list<LogField> fields);

}  // namespace cascade::server
