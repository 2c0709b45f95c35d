// SPDX-License-Identifier: Apache-2.0
// Climbs the ladder: measures the checkpoints in order and stops at the first that fails.
#pragma once

#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "model/checkpoints/checked_model.h"
#include "model/checkpoints/checkpoint.h"
#include "model/checkpoints/measurement.h"
#include "model/checkpoints/result.h"

namespace cascade::model {

// Runs every comparison of a checkpoint from 1 to 12. An error is about files, and names the
// checkpoint.
absl::Status MeasureCheckpoint(const Checkpoint& checkpoint, CheckedModel& model,
                               Measurement& measurement);

// Climbs from checkpoint 0 to 12. `on_result` is called for each as soon as its verdict is known.
// Checkpoint 0, which needs a server, is not measured; nor is what lies above the first failure.
// Without golden data, checkpoint 12 is compared with published continuations and no other is
// measured. Errors are about files. REQUIRES: golden data, or a PublishedName().
absl::StatusOr<std::vector<CheckpointResult>> Climb(
    CheckedModel& model, absl::FunctionRef<void(const CheckpointResult&)> on_result);

}  // namespace cascade::model
