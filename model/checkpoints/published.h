// SPDX-License-Identifier: Apache-2.0
// Continuations that others have published, for models without golden data.
#pragma once

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "model/checkpoints/checked_model.h"
#include "model/checkpoints/measurement.h"
#include "model/config.h"

namespace cascade::model {

// The Hugging Face name of the model whose shape `config` has and of which continuations are
// published, "gpt2" or "gpt2-medium"; empty if there is none. The shape does not tell whether the
// weights are the published ones: a fine-tuned model has the same.
absl::string_view PublishedName(const ModelConfig& config);

// Checkpoint 12 without golden data: encodes the published prompts and compares ids and greedy
// continuation. REQUIRES: PublishedName(model.config()) is not empty. Errors are about files.
absl::Status MeasurePublished(CheckedModel& model, Measurement& measurement);

}  // namespace cascade::model
