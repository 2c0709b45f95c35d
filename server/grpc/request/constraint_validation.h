// SPDX-License-Identifier: Apache-2.0
// What a request may say of its answer's text.
#pragma once

#include "absl/strings/string_view.h"
#include "server/grpc/request/text_request.h"
#include "server/grpc/request/violations.h"

namespace cascade::server {

struct ModelInfo;

// "constraint.regex"
absl::string_view ConstraintPath(const TextRequest::Constraint& constraint);

// What shows without translating it: its size, and that there is text at all.
void CheckConstraint(const TextRequest::Constraint& constraint, const ModelInfo& info,
                     Violations& violations);

}  // namespace cascade::server
