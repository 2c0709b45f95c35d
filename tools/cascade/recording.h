// SPDX-License-Identifier: Apache-2.0
// A request with its answer, to be asked again later.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "cascade/v1/text_generation.pb.h"
#include "tools/cascade/event_printer.h"

namespace cascade::cli {

struct Recording {
  v1::GenerateRequest request;  // with its seed
  v1::GenerateResponse answer;
};

// One line of JSON, {"request": ..., "answer": ...}: a GenerateRequest and a GenerateResponse as
// JsonLine writes them.
std::string RecordingLine(const Recording& recording);

// The reverse. INVALID_ARGUMENT, saying what is wrong, for a line that is none.
absl::StatusOr<Recording> ParseRecording(absl::string_view line);

// Where `again` is not `recorded`, for people: "choice 0, token 17: was 345, is 12". Empty if text,
// tokens, log-probabilities and ends are the same, to the last bit. What may differ are times, and
// what caches and drafts saved.
std::string DifferenceOf(const v1::GenerateResponse& recorded, const v1::GenerateResponse& again);

// Gathers the events of an answer in a recording of `request`, and lets `printer`, if there is one,
// print them.
class Recorder final : public EventPrinter {
 public:
  Recorder(v1::GenerateRequest request, std::unique_ptr<EventPrinter> printer);

  void Print(const v1::GenerateEvent& event) override;
  void End() override;

  const Recording& recording() const { return recording_; }

 private:
  v1::Choice& ChoiceAt(std::uint32_t index);

  const std::unique_ptr<EventPrinter> printer_;
  Recording recording_;
};

}  // namespace cascade::cli
