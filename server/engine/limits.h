// SPDX-License-Identifier: Apache-2.0
// What a request needs of the KV cache, and which requests can never run.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "absl/status/status.h"
#include "model/token.h"
#include "server/engine/generation_request.h"

namespace cascade::server {

// The sizes of the engine that a request must fit.
struct EngineLimits {
  std::size_t n_ctx = 0;
  std::size_t vocab_size = 0;
  std::size_t total_blocks = 0;  // of the KV cache
  std::size_t max_running = 0;   // sequences in one step
};

// Whether it generates tokens; else it ends with its prompt.
bool Generates(const GenerationRequest& request);

// The prompt proper, without the answer's tokens that are resumed.
std::span<const model::TokenId> PromptOf(const GenerationRequest& request);

// Tokens of the prompt that have to run: all of them, except that the last token of a prompt that
// is only scored is scored by the logits before it.
std::size_t PromptTokensToRun(const GenerationRequest& request);

// The index of the first token of the prompt whose log-probability is asked for; the prompt's size
// if that of none is.
std::size_t FirstScored(const GenerationRequest& request);

// The seed that a choice is drawn with.
std::uint64_t SeedOf(const GenerationRequest& request, std::size_t choice);

// Positions of the KV cache that one choice needs from start to end: the prompt and all that it may
// generate except the last token, which is never run. REQUIRES: the lengths that CheckRunnable
// allows.
std::size_t PositionsNeeded(const GenerationRequest& request, std::size_t n_ctx);

// Blocks that each choice but the first needs for itself while it shares the full blocks of the
// prompt with the others. REQUIRES: as PositionsNeeded.
std::size_t BlocksPerFork(const GenerationRequest& request, std::size_t n_ctx);

// Blocks that all choices together need if they run side by side: the full blocks of the prompt
// count once. REQUIRES: as PositionsNeeded, and choices >= 1.
std::size_t BlocksNeeded(const GenerationRequest& request, std::size_t n_ctx);

// INVALID_ARGUMENT, with the numbers, for a request that could not run even if it were alone: no
// prompt, a prompt that leaves no room for a token, a token that is not in the vocabulary, nothing
// to generate and nothing wanted of the prompt, no choice or more choices than a step has places,
// more choice_sampling than choices, tokens to resume where there may be none or beyond the
// context, beams whose numbers do not fit each other, more blocks than
// the whole cache has.
absl::Status CheckRunnable(const GenerationRequest& request, const EngineLimits& limits);

}  // namespace cascade::server
