// SPDX-License-Identifier: Apache-2.0
// A model's own defaults for decoding: the contents of generation_config.json.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "model/token.h"

namespace cascade::model {

// Defaults for fields that a request does not set. A key that the file does not have is "off",
// never Hugging Face's built-in default (so top_k is not 50 unless the file has it).
struct GenerationConfig {
  // 0 is greedy. do_sample false or missing: 0; do_sample true: the file's temperature, or 1.
  float temperature = 0.0F;
  std::uint32_t top_k = 0;  // 0: off
  float top_p = 1.0F;       // 1: off
  float min_p = 0.0F;       // 0: off
  std::optional<std::uint32_t> max_new_tokens;
  std::vector<TokenId> eos_token_ids;  // empty: config.json's
};

// Parses the text of a generation_config.json; `file` is its name, for messages. INVALID_ARGUMENT,
// naming file, key, value and range, for a value that no request could ask for. Unknown keys are
// ignored.
absl::StatusOr<GenerationConfig> ParseGenerationConfig(absl::string_view json,
                                                       absl::string_view file);

// Reads `folder`/generation_config.json; the defaults above (greedy) if there is none.
absl::StatusOr<GenerationConfig> LoadGenerationConfig(const std::string& folder);

}  // namespace cascade::model
