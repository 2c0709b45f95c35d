// What can never run.
#pragma once

#include <cstddef>

#include "absl/status/status.h"
#include "server/engine/generation_request.h"

namespace cascade::server {

// The sizes of the engine that a request must fit.
struct EngineLimits {
  std::size_t n_ctx = 0;
  std::size_t vocab_size = 0;
  std::size_t total_blocks = 0;  // of the KV cache
};

// Positions of the KV cache that a request needs from start to end: its prompt and all that it may
// generate but the last token, which is never run. REQUIRES: CheckRunnable was OK but for blocks.
std::size_t PositionsNeeded(const GenerationRequest& request, std::size_t n_ctx);

// INVALID_ARGUMENT, with the numbers, for a request that could not run even if it were alone: no
// prompt, a prompt that leaves no room for a token, a token that is not in the vocabulary, nothing
// to generate, more positions than the whole cache holds.
absl::Status CheckRunnable(const GenerationRequest& request, const EngineLimits& limits);

}  // namespace cascade::server
