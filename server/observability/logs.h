// SPDX-License-Identifier: Apache-2.0
// Log lines on stderr: one event a line, as text for people or as JSON for machines.
#pragma once

#include <concepts>
#include <cstdint>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"

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
//
// A thread of its own writes to stderr; no function here but FlushLogs and WriteLastLine waits for
// it. 8192 lines and 1 MiB of them may wait. Lines beyond are dropped, and the next line that finds
// room comes after a warning with their number. The end of the process waits for a second at most.
void StartLogging(const LogOptions& options);

// Logs one event. Any thread. `message` is a literal and names the kind of event: of each kind at
// most five lines a second, or ten after a pause, are logged, so that no client can fill a disk;
// the next line says how many were left out before it (left_out_before). `debug` has no such limit.
// Bytes that are not UTF-8 become U+FFFD, and characters that would break the line are escaped,
// except in the `message` of the text format.
void Log(LogLevel level, absl::string_view message, absl::Span<const LogField> fields = {});

// Log without the limit, for events that another limit bounds.
void LogEach(LogLevel level, absl::string_view message, absl::Span<const LogField> fields = {});

// Waits until stderr has what was logged before, for a second at most. Call it before std::_Exit.
void FlushLogs();

// Writes `line` as it is and a newline, whatever the level: why the process ends. Works without
// StartLogging. Returns when stderr has it, after two seconds at most.
void WriteLastLine(absl::string_view line);

// What Log writes after time and level; for tests.
std::string RenderEvent(LogFormat format, absl::string_view message,
                        absl::Span<const LogField> fields);

}  // namespace cascade::server
