// SPDX-License-Identifier: Apache-2.0
// What a request may ask of the logits: penalties and token rules.
#pragma once

#include "server/grpc/request/text_request.h"

namespace cascade::server {

class Violations;
struct ModelInfo;

// As Validate (validation.h), of which they are a part.
void CheckPenalties(const TextRequest::Penalties& penalties, const ModelInfo& info,
                    Violations& violations);
void CheckTokenRules(const TextRequest::TokenRules& rules, const ModelInfo& info,
                     Violations& violations);

}  // namespace cascade::server
