// SPDX-License-Identifier: Apache-2.0

#include "model/checkpoints/ladder.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "model/checkpoints/measures.h"
#include "model/checkpoints/published.h"

namespace cascade::model {
namespace {

// What each checkpoint compares, by number.
std::vector<Measure> MeasuresOf(int number) {
  switch (number) {
    case 1:
      return {MeasureLayerNorm, MeasureLayerNormOnAwkwardRows};
    case 2:
      return {MeasureQkv};
    case 3:
      return {MeasureKvCache};
    case 4:
      return {MeasureAttentionScores};
    case 5:
      return {MeasureAttentionOutput};
    case 6:
      return {MeasureFfn};
    case 7:
      return {MeasureTransformerBlock};
    case 8:
      return {MeasureLogitsOfShortPrompt, MeasureLogitsOfFullContext, MeasureLogitsAfterPrompts,
              MeasureFinalHiddenStates};
    case 9:
      return {MeasureSelectedLogits};
    case 10:
      return {MeasureArgmax, MeasureGreedySampler};
    case 11:
      return {MeasureSoftmax, MeasureCuts};
    case 12:
      return {MeasureEncoding, MeasureGeneration, MeasureGenerationUntilEos};
    default:
      return {};  // checkpoint 0 is the server's
  }
}

// Why `checkpoint` is not measured; empty if it is.
std::string Obstacle(const Checkpoint& checkpoint, const CheckedModel& model, int failed) {
  if (checkpoint.number == 0) return "needs a running server: `cascade health`";
  if (failed > 0) return absl::StrCat("checkpoint ", failed, " failed");
  if (!model.has_golden() && checkpoint.number != checkpoints::kGeneration.number) {
    return "needs golden data";
  }
  return "";
}

absl::Status MeasureWithOrWithoutGolden(const Checkpoint& checkpoint, CheckedModel& model,
                                        CheckpointResult& result) {
  if (model.has_golden()) return MeasureCheckpoint(checkpoint, model, result.measurement);
  result.note = absl::StrCat("published for ", PublishedName(model.config()));
  return MeasurePublished(model, result.measurement);
}

}  // namespace

absl::Status MeasureCheckpoint(const Checkpoint& checkpoint, CheckedModel& model,
                               Measurement& measurement) {
  for (const Measure measure : MeasuresOf(checkpoint.number)) {
    const absl::Status status = measure(model, measurement);
    if (status.ok()) continue;
    return absl::Status(status.code(), absl::StrFormat("checkpoint %d: %s", checkpoint.number,
                                                       std::string(status.message())));
  }
  return absl::OkStatus();
}

absl::StatusOr<std::vector<CheckpointResult>> Climb(
    CheckedModel& model, absl::FunctionRef<void(const CheckpointResult&)> on_result) {
  std::vector<CheckpointResult> results;
  int failed = 0;
  for (const Checkpoint* checkpoint : checkpoints::kLadder) {
    CheckpointResult result{checkpoint, Verdict::kNotMeasured, Measurement(checkpoint->tolerance),
                            Obstacle(*checkpoint, model, failed)};
    if (result.note.empty()) {
      const absl::Status status = MeasureWithOrWithoutGolden(*checkpoint, model, result);
      if (!status.ok()) return status;
      result.verdict = result.measurement.passed() ? Verdict::kPass : Verdict::kFail;
      if (result.verdict == Verdict::kFail) failed = checkpoint->number;
    }
    on_result(result);
    results.push_back(std::move(result));
  }
  return results;
}

}  // namespace cascade::model
