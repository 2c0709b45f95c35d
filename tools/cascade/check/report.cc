// SPDX-License-Identifier: Apache-2.0

#include "tools/cascade/check/report.h"

#include <algorithm>
#include <cstddef>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "nlohmann/json.hpp"

namespace cascade::cli {
namespace {

using model::Checkpoint;
using model::CheckpointResult;
using model::Verdict;

std::string Line(absl::string_view number, absl::string_view name, absl::string_view file,
                 absl::string_view tolerance, absl::string_view measured,
                 absl::string_view verdict) {
  return absl::StrFormat("%2s  %-17s %-35s %-10s %-18s %s\n", number, name, file, tolerance,
                         measured, verdict);
}

std::string FailureText(const CheckpointResult& failed) {
  const Checkpoint& checkpoint = *failed.checkpoint;
  std::string text = absl::StrFormat("\nCheckpoint %d failed: ", checkpoint.number);
  absl::StrAppend(&text, failed.measurement.mismatch()
                             ? model::Describe(*failed.measurement.mismatch())
                             : "nothing was compared");
  absl::StrAppendFormat(&text,
                        "\n  Look at %s: %s.\n  docs/checkpoints/CHECKPOINT_%02d.md says more. "
                        "Errors compound: what lies above was not measured.\n",
                        checkpoint.file, checkpoint.look_at, checkpoint.number);
  return text;
}

}  // namespace

std::string VerdictName(Verdict verdict) {
  switch (verdict) {
    case Verdict::kPass:
      return "PASS";
    case Verdict::kFail:
      return "FAIL";
    case Verdict::kNotMeasured:
      return "not measured";
  }
  return "";
}

std::string MeasuredText(const CheckpointResult& result) {
  const model::Measurement& measurement = result.measurement;
  if (result.verdict == Verdict::kNotMeasured) return "-";
  if (measurement.tolerance() > 0) {
    const double error = measurement.max_abs_error();
    return error == 0 ? "0" : absl::StrFormat("%.1e", error);
  }
  const std::size_t equal =
      measurement.compared() - std::min(measurement.outside(), measurement.compared());
  return absl::StrCat(equal, " of ", measurement.compared());
}

std::string ToleranceText(const Checkpoint& checkpoint) {
  if (checkpoint.number == 0) return "works";
  return checkpoint.tolerance == 0 ? "exact" : absl::StrFormat("%.0e", checkpoint.tolerance);
}

std::string TextHead(const CheckSubject& subject) {
  const std::string golden = subject.golden.empty()
                                 ? "no golden data: published continuations"
                                 : absl::StrCat("golden data in ", subject.golden);
  return absl::StrCat(subject.model, ", ", golden, "\n\n",
                      Line(" #", "checkpoint", "file", "tolerance", "measured", "verdict"));
}

std::string TextLine(const CheckpointResult& result) {
  const Checkpoint& checkpoint = *result.checkpoint;
  std::string verdict = VerdictName(result.verdict);
  if (!result.note.empty()) absl::StrAppend(&verdict, ": ", result.note);
  return Line(absl::StrCat(checkpoint.number), checkpoint.name, checkpoint.file,
              ToleranceText(checkpoint), MeasuredText(result), verdict);
}

std::string TextEnd(std::span<const CheckpointResult> results) {
  std::size_t passed = 0;
  for (const CheckpointResult& result : results) {
    if (result.verdict == Verdict::kFail) return FailureText(result);
    if (result.verdict == Verdict::kPass) ++passed;
  }
  return absl::StrCat("\n", passed, passed == 1 ? " checkpoint" : " checkpoints", " passed.\n");
}

std::string JsonLineOf(const CheckpointResult& result) {
  const Checkpoint& checkpoint = *result.checkpoint;
  const model::Measurement& measurement = result.measurement;
  nlohmann::ordered_json json = {
      {"checkpoint", checkpoint.number},        {"name", std::string(checkpoint.name)},
      {"file", std::string(checkpoint.file)},   {"tolerance", checkpoint.tolerance},
      {"verdict", VerdictName(result.verdict)}, {"compared", measurement.compared()},
      {"outside", measurement.outside()},       {"max_abs_error", measurement.max_abs_error()}};
  if (!result.note.empty()) json["note"] = result.note;
  if (const auto& mismatch = measurement.mismatch()) {
    json["mismatch"] = {{"what", mismatch->what},
                        {"element", mismatch->element},
                        {"expected", mismatch->expected},
                        {"found", mismatch->found}};
    json["look_at"] = std::string(checkpoint.look_at);
  }
  // A prompt in a message may be cut within a character.
  return absl::StrCat(json.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace), "\n");
}

}  // namespace cascade::cli
