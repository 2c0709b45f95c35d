// SPDX-License-Identifier: Apache-2.0
// The values that enum and const list.
#pragma once

#include <vector>

#include "absl/status/statusor.h"
#include "model/constraints/json/merged_schema.h"

namespace cascade::model {

// Those of `schema.values` that satisfy its other keywords. INVALID_ARGUMENT if that is not told
// here: a pattern or format beside strings, keywords of what is in arrays or objects beside them.
// REQUIRES: schema.values.
absl::StatusOr<std::vector<const OrderedJson*>> FittingValues(const MergedSchema& schema);

}  // namespace cascade::model
