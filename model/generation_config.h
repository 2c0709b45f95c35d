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
// except that a model which samples by default has a top_k of 50: transformers leaves that value
// out when it writes the file.
struct GenerationConfig {
  // 0 is greedy. do_sample false or missing: 0; do_sample true: the file's temperature, or 1.
  float temperature = 0.0F;
  std::uint32_t top_k = 0;                 // 0: off
  float top_p = 1.0F;                      // 1: off
  float min_p = 0.0F;                      // 0: off
  float typical_p = 1.0F;                  // 1: off
  float repetition_penalty = 1.0F;         // 1: off
  std::uint32_t no_repeat_ngram_size = 0;  // 0: off
  std::optional<std::uint32_t> max_new_tokens;
  std::vector<TokenId> eos_token_ids;  // empty: config.json's

  // What the files say and a request's defaults do not follow, for the log: a sentence each, which
  // names the file.
  std::vector<std::string> warnings;
};

// Parses the text of a generation_config.json; `file` is its name, for messages. INVALID_ARGUMENT,
// naming file, key, value and range, for a value that no request could ask for. A key that is not
// followed and would change what transformers generates (unfollowed_keys.h) is a warning.
absl::StatusOr<GenerationConfig> ParseGenerationConfig(absl::string_view json,
                                                       absl::string_view file);

// As ParseGenerationConfig, for the keys of a generation configuration that an old config.json has
// among its own. Leaves eos_token_ids empty: ParseModelConfig reads them.
absl::StatusOr<GenerationConfig> ParseModelConfigDefaults(absl::string_view json,
                                                          absl::string_view file);

// Reads `folder`/generation_config.json, or, if there is none, what `folder`/config.json has of its
// keys, as transformers does; the defaults above (greedy) if there is neither. With both files,
// config.json's keys are not used, which is a warning if they would change anything.
absl::StatusOr<GenerationConfig> LoadGenerationConfig(const std::string& folder);

}  // namespace cascade::model
