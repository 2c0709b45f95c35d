// SPDX-License-Identifier: Apache-2.0
// The keys of a generation configuration that transformers follows and this library does not.
#pragma once

#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "nlohmann/json_fwd.hpp"

namespace cascade::model {

// The names of the keys of `document` whose values would change what transformers' generate()
// gives, and which this library does not follow. A value that changes nothing is not among them:
// null, repetition_penalty 1.0, num_beams 1, max_length beside max_new_tokens. Nor are keys that
// only say how to compute (use_cache), or what to return beside the tokens (output_scores).
std::vector<std::string> UnfollowedKeys(const nlohmann::json& document);

// The names of the keys of a generation_config.json that transformers 5.23 does not know, and whose
// values are not null: misspelled ones, or those of a later version.
std::vector<std::string> UnknownKeys(const nlohmann::json& document);

}  // namespace cascade::model
