// SPDX-License-Identifier: Apache-2.0
// What a request that generates nothing may be, as far as it can be seen before its texts are
// tokenized. As validation.h.
#pragma once

namespace cascade::server {

class Violations;
struct EmbeddingRequest;
struct ModelInfo;
struct ScoringRequest;

// Adds all that is wrong with `request` to `violations`; of what is wrong with its inputs, some 16
// violations, since a client takes 8 KiB of trailers.
void Validate(const EmbeddingRequest& request, const ModelInfo& info, Violations& violations);
void Validate(const ScoringRequest& request, const ModelInfo& info, Violations& violations);

}  // namespace cascade::server
