// SPDX-License-Identifier: Apache-2.0
// The flags of beam search.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "cascade/v1/text_generation.pb.h"
#include "tools/cascade/flags.h"

namespace cascade::cli {

class BeamFlags {
 public:
  // `flags` borrows this.
  void AddTo(Flags& flags);

  // Fills what was given into `request`; nothing without --beams. INVALID_ARGUMENT, in words for
  // the user, for a value that cannot be read, or for one without --beams.
  absl::Status Fill(v1::GenerateRequest& request) const;

 private:
  std::uint32_t width_ = 0;
  std::optional<float> length_penalty_;
  std::optional<std::string> early_stopping_;
  std::optional<std::uint32_t> groups_;
  std::optional<float> diversity_penalty_;
};

}  // namespace cascade::cli
