// SPDX-License-Identifier: Apache-2.0
// An added token as JSON files write it.
#pragma once

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "model/tokenizer/vocabulary.h"
#include "nlohmann/json_fwd.hpp"

namespace cascade::model {

// Parses a token: its text, or {"content": text, "special": false, "single_word": false,
// "lstrip": false, "rstrip": false, "normalized": true}, where all but "content" may be missing.
// The token has no id (kNoToken). INVALID_ARGUMENT, beginning with `where`, if it is neither.
absl::StatusOr<AddedToken> ParseAddedToken(absl::string_view where, const nlohmann::json& value);

}  // namespace cascade::model
