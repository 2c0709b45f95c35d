// SPDX-License-Identifier: Apache-2.0
// The flags of `cascade generate` that say what the answer must be.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "cascade/v1/text_generation.pb.h"
#include "tools/cascade/flags.h"

namespace cascade::cli {

class ConstraintFlags {
 public:
  // `flags` borrows this.
  void AddTo(Flags& flags);

  // Sets the constraint of `request`, if one was given. INVALID_ARGUMENT, in words for the user:
  // two were given, a file cannot be read, or a text is not UTF-8.
  absl::Status Fill(v1::GenerateRequest& request) const;

 private:
  std::optional<std::string> regex_;
  std::optional<std::string> json_schema_;
  bool json_object_ = false;
  std::vector<std::string> choices_;
  std::optional<std::string> grammar_;
};

}  // namespace cascade::cli
