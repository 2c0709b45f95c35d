// How `cascade generate` shows a stream of events.
#pragma once

#include <google/protobuf/message.h>

#include <memory>
#include <string>

#include "cascade/v1/text_generation.pb.h"
#include "tools/cascade/console.h"

namespace cascade::cli {

class EventPrinter {
 public:
  virtual ~EventPrinter() = default;

  // Shows one event at once: what it writes is flushed.
  virtual void Print(const v1::GenerateEvent& event) = 0;

  // After the last event, however the call ended.
  virtual void End() = 0;
};

// For people: `prompt` (to a terminal only, dim), the text as it comes, a newline; then a table of
// the log-probabilities if there are any; on the error stream, one line of how it ended.
std::unique_ptr<EventPrinter> MakeTextPrinter(std::string prompt, Console& console);

// For scripts: each event as a line of JSON.
std::unique_ptr<EventPrinter> MakeJsonPrinter(Console& console);

// `message` as one line of JSON, with the field names of the .proto. As in every protobuf JSON,
// fields that have their default are left out, 64-bit integers are strings and bytes are base64.
std::string JsonLine(const google::protobuf::Message& message);

}  // namespace cascade::cli
