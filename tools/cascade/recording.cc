// SPDX-License-Identifier: Apache-2.0

#include "tools/cascade/recording.h"

#include <google/protobuf/struct.pb.h>
#include <google/protobuf/util/json_util.h>

#include <algorithm>
#include <cstdint>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "tools/cascade/text.h"

namespace cascade::cli {
namespace {

constexpr absl::string_view kRequest = "request";
constexpr absl::string_view kAnswer = "answer";

absl::string_view WithoutNewline(absl::string_view line) {
  absl::ConsumeSuffix(&line, "\n");
  return line;
}

// Reads the member `name` of a recording into `message`.
absl::Status ReadMember(const google::protobuf::Struct& members, absl::string_view name,
                        google::protobuf::Message& message) {
  const auto found = members.fields().find(std::string(name));
  if (found == members.fields().end()) {
    return absl::InvalidArgumentError(absl::StrCat("has no \"", name, "\""));
  }
  std::string json;
  auto status = google::protobuf::util::MessageToJsonString(found->second, &json);
  if (status.ok()) status = google::protobuf::util::JsonStringToMessage(json, &message);
  if (status.ok()) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat("\"", name, "\": ", std::string(status.message())));
}

// The first difference of two lists of what `noun` says; empty if there is none. `text` says what
// an element is.
template <typename List, typename Same, typename Text>
std::string FirstDifference(absl::string_view noun, const List& was, const List& is,
                            const Same& same, const Text& text) {
  for (int i = 0; i < std::min(was.size(), is.size()); ++i) {
    if (same(was[i], is[i])) continue;
    return absl::StrCat(noun, " ", i, ": was ", text(was[i]), ", is ", text(is[i]));
  }
  if (was.size() == is.size()) return "";
  return absl::StrCat(noun, "s: were ", was.size(), ", are ", is.size());
}

bool SameMessage(const google::protobuf::Message& a, const google::protobuf::Message& b) {
  return a.SerializeAsString() == b.SerializeAsString();
}

std::string TextOf(const google::protobuf::Message& message) {
  return std::string(WithoutNewline(JsonLine(message)));
}

std::string DifferenceOfChoice(const v1::Choice& was, const v1::Choice& is) {
  const auto number = [](std::uint32_t id) { return absl::StrCat(id); };
  std::string difference =
      FirstDifference("token", was.token_ids(), is.token_ids(), std::equal_to<>(), number);
  if (!difference.empty()) return difference;
  difference =
      FirstDifference("log-probability", was.logprobs(), is.logprobs(), SameMessage, TextOf);
  if (!difference.empty()) return difference;
  if (was.text() != is.text()) {
    return absl::StrCat("text: was ", Quoted(was.text()), ", is ", Quoted(is.text()));
  }
  if (SameMessage(was.finish(), is.finish())) return "";
  return absl::StrCat("finish: was ", TextOf(was.finish()), ", is ", TextOf(is.finish()));
}

}  // namespace

std::string RecordingLine(const Recording& recording) {
  return absl::StrCat("{\"", kRequest, "\": ", WithoutNewline(JsonLine(recording.request)), ", \"",
                      kAnswer, "\": ", WithoutNewline(JsonLine(recording.answer)), "}\n");
}

absl::StatusOr<Recording> ParseRecording(absl::string_view line) {
  google::protobuf::Struct members;
  const auto parsed = google::protobuf::util::JsonStringToMessage(std::string(line), &members);
  if (!parsed.ok()) {
    return absl::InvalidArgumentError(
        absl::StrCat("is no JSON object: ", std::string(parsed.message())));
  }
  Recording recording;
  absl::Status status = ReadMember(members, kRequest, recording.request);
  status.Update(ReadMember(members, kAnswer, recording.answer));
  if (!status.ok()) return status;
  return recording;
}

std::string DifferenceOf(const v1::GenerateResponse& recorded, const v1::GenerateResponse& again) {
  if (recorded.prompt().prompt_tokens() != again.prompt().prompt_tokens()) {
    return absl::StrCat("tokens of the prompt: were ", recorded.prompt().prompt_tokens(), ", are ",
                        again.prompt().prompt_tokens());
  }
  std::string difference =
      FirstDifference("log-probability of the prompt", recorded.prompt().logprobs(),
                      again.prompt().logprobs(), SameMessage, TextOf);
  if (!difference.empty()) return difference;
  if (recorded.choices_size() != again.choices_size()) {
    return absl::StrCat("answers: were ", recorded.choices_size(), ", are ", again.choices_size());
  }
  for (int i = 0; i < recorded.choices_size(); ++i) {
    difference = DifferenceOfChoice(recorded.choices(i), again.choices(i));
    if (!difference.empty()) return absl::StrCat("choice ", i, ", ", difference);
  }
  return "";
}

Recorder::Recorder(v1::GenerateRequest request, std::unique_ptr<EventPrinter> printer)
    : printer_(std::move(printer)), recording_{.request = std::move(request), .answer = {}} {}

v1::Choice& Recorder::ChoiceAt(std::uint32_t index) {
  v1::GenerateResponse& answer = recording_.answer;
  while (answer.choices_size() <= static_cast<int>(std::min(index, 1U << 16U))) {
    answer.add_choices();
  }
  return *answer.mutable_choices(static_cast<int>(index));
}

void Recorder::Print(const v1::GenerateEvent& event) {
  if (event.has_prompt()) {
    *recording_.answer.mutable_prompt() = event.prompt();
    v1::SamplingParams& sampling = *recording_.request.mutable_sampling();
    if (!sampling.has_seed()) sampling.set_seed(event.prompt().seed());
  }
  if (event.has_delta()) {
    v1::Choice& choice = ChoiceAt(event.delta().index());
    choice.set_text(choice.text() + event.delta().text());
    choice.mutable_token_ids()->MergeFrom(event.delta().token_ids());
    choice.mutable_logprobs()->MergeFrom(event.delta().logprobs());
  }
  if (event.has_finish()) *ChoiceAt(event.finish().index()).mutable_finish() = event.finish();
  if (event.has_summary()) *recording_.answer.mutable_summary() = event.summary();
  if (printer_ != nullptr) printer_->Print(event);
}

void Recorder::End() {
  if (printer_ != nullptr) printer_->End();
}

}  // namespace cascade::cli
