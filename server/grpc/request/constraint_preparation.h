// SPDX-License-Identifier: Apache-2.0
// From what a request says of its answer's text to what the engine can hold it to.
#pragma once

#include "absl/status/status.h"

namespace cascade::server {

class ConstraintCache;
struct PreparedRequest;
struct TextRequest;

// Adds the constraint of `request`, if it has one, to `prepared`, whose cache_salt is set, and
// counts its memory. INVALID_ARGUMENT, with BadRequest, for one that says nothing that could be
// followed. Cost: a few milliseconds for one that is new, some tens at the worst.
absl::Status AddConstraint(const TextRequest& request, ConstraintCache& constraints,
                           PreparedRequest& prepared);

}  // namespace cascade::server
