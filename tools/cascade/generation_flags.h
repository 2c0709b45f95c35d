// SPDX-License-Identifier: Apache-2.0
// All flags that say what a model generates: how, in what form, and up to where.
#pragma once

#include "absl/status/status.h"
#include "cascade/v1/text_generation.pb.h"
#include "tools/cascade/beam_flags.h"
#include "tools/cascade/constraint_flags.h"
#include "tools/cascade/flags.h"
#include "tools/cascade/sampling_flags.h"
#include "tools/cascade/stopping_flags.h"

namespace cascade::cli {

class GenerationFlags {
 public:
  // `flags` borrows this.
  void AddTo(Flags& flags) {
    sampling_.AddTo(flags);
    beams_.AddTo(flags);
    constraint_.AddTo(flags);
    stopping_.AddTo(flags);
    sampling_.AddLengthPenaltyTo(flags);
  }

  // Fills what was given into `request`. INVALID_ARGUMENT, in words for the user, for a value that
  // cannot be read.
  absl::Status Fill(v1::GenerateRequest& request) const {
    absl::Status status = stopping_.Fill(*request.mutable_stopping());
    if (status.ok()) status = sampling_.Fill(request);
    if (status.ok()) status = beams_.Fill(request);
    if (status.ok()) status = constraint_.Fill(request);
    return status;
  }

 private:
  SamplingFlags sampling_;
  BeamFlags beams_;
  ConstraintFlags constraint_;
  StoppingFlags stopping_;
};

}  // namespace cascade::cli
