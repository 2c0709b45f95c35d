// SPDX-License-Identifier: Apache-2.0
// What came of one checkpoint.
#pragma once

#include <cstdint>
#include <string>

#include "model/checkpoints/checkpoint.h"
#include "model/checkpoints/measurement.h"

namespace cascade::model {

enum class Verdict : std::uint8_t {
  kPass,
  kFail,
  kNotMeasured,  // CheckpointResult::note says why
};

struct CheckpointResult {
  const Checkpoint* checkpoint;
  Verdict verdict;
  Measurement measurement;  // empty if it was not measured
  std::string note;         // what was measured, or why nothing was; may be empty
};

}  // namespace cascade::model
