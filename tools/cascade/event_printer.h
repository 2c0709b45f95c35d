// SPDX-License-Identifier: Apache-2.0
// Prints the stream of events of `cascade generate`.
#pragma once

#include <google/protobuf/message.h>

#include <cstddef>
#include <memory>
#include <string>

#include "cascade/v1/text_generation.pb.h"
#include "tools/cascade/console.h"

namespace cascade::cli {

class EventPrinter {
 public:
  virtual ~EventPrinter() = default;

  // Prints one event and flushes the output.
  virtual void Print(const v1::GenerateEvent& event) = 0;

  // Call it after the last event, whether the call succeeded or not.
  virtual void End() = 0;
};

// How the log-probabilities of generated tokens are shown, if the answer has any.
struct LogProbStyle {
  bool table = true;   // below the text
  bool shade = false;  // in the text, with a legend on the error stream; for terminals only
};

// For people: prints `prompt` (dim, and only to a terminal), the text as it arrives, a newline, and
// a table of the log-probabilities if there are any; one line on the error stream says how the
// generation ended. With several choices, each begins with a line that has its number, and those
// after the first are printed at the end.
std::unique_ptr<EventPrinter> MakeTextPrinter(std::string prompt, std::size_t choices,
                                              Console& console, LogProbStyle style = {});

// For scripts: prints each event as a line of JSON.
std::unique_ptr<EventPrinter> MakeJsonPrinter(Console& console);

// Returns `message` as one line of JSON, with the field names of the .proto. As in every protobuf
// JSON, fields that have their default are left out, 64-bit integers are strings and bytes are
// base64.
std::string JsonLine(const google::protobuf::Message& message);

}  // namespace cascade::cli
