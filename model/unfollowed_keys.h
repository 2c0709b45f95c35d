// SPDX-License-Identifier: Apache-2.0
// The keys of a generation configuration that transformers follows and this library does not.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "nlohmann/json_fwd.hpp"

namespace cascade::model {

enum class ConfigKind : std::uint8_t {
  kGeneration,  // generation_config.json: every key is one of a generation configuration
  kModel,       // config.json, which may have some of them among its own
};

// The names of the keys of `document` whose values would change what transformers' generate()
// gives, and which this library does not follow. A value that changes nothing is not among them:
// null, repetition_penalty 1.0, num_beams 1, max_length beside max_new_tokens. Nor are keys that
// only say how to compute (use_cache), or what to return beside the tokens (output_scores). Of a
// kGeneration document, also keys that transformers 5.23 does not know.
std::vector<std::string> UnfollowedKeys(const nlohmann::json& document, ConfigKind kind);

}  // namespace cascade::model
