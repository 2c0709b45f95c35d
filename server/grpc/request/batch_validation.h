// SPDX-License-Identifier: Apache-2.0
// What a request that generates nothing may be, as far as it can be seen before its texts are
// tokenized. As validation.h.
#pragma once

namespace cascade::server {

class Violations;
struct EmbeddingRequest;
struct ModelInfo;

// Adds all that is wrong with `request` to `violations`. Of inputs beyond the first that is wrong,
// the first 16 are told.
void Validate(const EmbeddingRequest& request, const ModelInfo& info, Violations& violations);

}  // namespace cascade::server
