// SPDX-License-Identifier: Apache-2.0

#include "tools/cascade/beam_flags.h"

#include "absl/strings/str_cat.h"
#include "tools/cascade/text.h"

namespace cascade::cli {

void BeamFlags::AddTo(Flags& flags) {
  flags.BeginGroup("Beam search");
  flags.Add("beams", "N", "follow the N most probable beginnings, and tell the --n best answers",
            &width_);
  flags.Add("beam_length_penalty", "P", "the greater, the longer are the best answers (1)",
            &length_penalty_);
  flags.Add("beam_early_stopping", "WHEN",
            "stop when no open beam seems better (heuristic), when N answers have ended "
            "(when_full), or when none can become better (never); (heuristic)",
            &early_stopping_);
  flags.Add("beam_groups", "N", "search in N groups, each of which avoids the others' tokens (1)",
            &groups_);
  flags.Add("beam_diversity_penalty", "P",
            "what a token loses for each time that another group "
            "takes it",
            &diversity_penalty_);
}

absl::Status BeamFlags::Fill(v1::GenerateRequest& request) const {
  if (width_ == 0) {
    const bool is_given = length_penalty_ || early_stopping_ || groups_ || diversity_penalty_;
    if (!is_given) return absl::OkStatus();
    return absl::InvalidArgumentError("--beam_* flags need --beams");
  }
  v1::BeamSearch& beams = *request.mutable_beam_search();
  beams.set_width(width_);
  if (length_penalty_) beams.set_length_penalty(*length_penalty_);
  if (groups_) beams.set_groups(*groups_);
  if (diversity_penalty_) beams.set_diversity_penalty(*diversity_penalty_);
  if (!early_stopping_) return absl::OkStatus();
  if (*early_stopping_ == "heuristic") {
    beams.set_early_stopping(v1::BeamSearch::EARLY_STOPPING_HEURISTIC);
  } else if (*early_stopping_ == "when_full") {
    beams.set_early_stopping(v1::BeamSearch::EARLY_STOPPING_WHEN_FULL);
  } else if (*early_stopping_ == "never") {
    beams.set_early_stopping(v1::BeamSearch::EARLY_STOPPING_NEVER);
  } else {
    return absl::InvalidArgumentError(
        absl::StrCat("--beam_early_stopping: ", Quoted(*early_stopping_),
                     " is not one of heuristic, when_full and never"));
  }
  return absl::OkStatus();
}

}  // namespace cascade::cli
