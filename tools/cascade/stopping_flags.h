// SPDX-License-Identifier: Apache-2.0
// The flags of `cascade generate` that say when the answer ends.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "cascade/v1/text_generation.pb.h"
#include "tools/cascade/flags.h"

namespace cascade::cli {

class StoppingFlags {
 public:
  // `flags` borrows this.
  void AddTo(Flags& flags);

  // Fills what was given into `stopping`. INVALID_ARGUMENT, in words for the user, for a stop
  // string that cannot be read.
  absl::Status Fill(v1::StoppingParams& stopping) const;

 private:
  std::optional<std::uint32_t> max_new_tokens_;
  std::uint32_t min_new_tokens_ = 0;
  std::vector<std::string> stop_;
  std::vector<std::uint32_t> stop_token_ids_;
  bool include_stop_ = false;
  bool ignore_eos_ = false;
  std::optional<absl::Duration> time_limit_;
};

}  // namespace cascade::cli
