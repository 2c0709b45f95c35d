// SPDX-License-Identifier: Apache-2.0
// Beam search with no server.
#pragma once

#include <span>
#include <vector>

#include "absl/status/statusor.h"
#include "model/generation/generation_params.h"
#include "model/generation/generator.h"
#include "model/token.h"

namespace cascade::model {

// Generates as BeamSearch says, and returns the answers, the best first. One thread at a time uses
// model and cache. INVALID_ARGUMENT as CheckPrompt (limits.h), and if the beams are more rows than
// the model runs in a step; RESOURCE_EXHAUSTED if the cache has too few free blocks;
// INVALID_ARGUMENT and INTERNAL as BeamSearch::Step. REQUIRES: as BeamSearch.
absl::StatusOr<std::vector<Generation>> GenerateBeams(LanguageModel& model,
                                                      const Tokenizer& tokenizer, KvCache& cache,
                                                      std::span<const TokenId> prompt,
                                                      const GenerationParams& params);

}  // namespace cascade::model
