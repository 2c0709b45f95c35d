// SPDX-License-Identifier: Apache-2.0
// The keywords of JSON Schema, one by one.
#pragma once

#include "absl/status/status.h"
#include "model/constraints/json/merged_schema.h"

namespace cascade::model {

// Adds to `merged` what the keywords of a schema object demand; not what its references, allOf,
// anyOf and oneOf lead to. INVALID_ARGUMENT names the keyword that is not supported or malformed.
absl::Status ApplyKeywords(const SchemaPlace& schema, const SchemaDocument& document,
                           MergedSchema& merged);

}  // namespace cascade::model
