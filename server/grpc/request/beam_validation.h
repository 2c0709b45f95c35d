// SPDX-License-Identifier: Apache-2.0
// What a request may say of its beams.
#pragma once

#include "server/grpc/request/text_request.h"
#include "server/grpc/request/violations.h"

namespace cascade::server {

struct ModelInfo;

// Checks request.beams, and that nothing else in the request asks for draws.
// REQUIRES: request.beams.
void CheckBeams(const TextRequest& request, const ModelInfo& info, Violations& violations);

}  // namespace cascade::server
