// SPDX-License-Identifier: Apache-2.0
// The strings that a JSON Schema allows.
#pragma once

#include "absl/status/statusor.h"
#include "model/constraints/grammar.h"
#include "model/constraints/json/json_grammar.h"
#include "model/constraints/json/merged_schema.h"

namespace cascade::model {

// Adds the strings, in quotes, that have the pattern or format of `schema` and its length. A length
// beside a pattern or format is followed where all its texts have such a length anyhow, or where
// one part of the pattern repeats a character; else it is refused.
absl::StatusOr<Grammar::Expression> AddStrings(const MergedSchema& schema, JsonGrammar& json,
                                               Grammar& grammar);

}  // namespace cascade::model
