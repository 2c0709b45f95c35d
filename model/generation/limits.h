// SPDX-License-Identifier: Apache-2.0
// What a model can generate from: the rules for prompts and positions, in one place.
#pragma once

#include <cstddef>
#include <span>

#include "absl/status/status.h"
#include "model/token.h"

namespace cascade::model {

// INVALID_ARGUMENT, naming the first that is not, unless all tokens of the prompt are in a
// vocabulary of `vocab_size`.
absl::Status CheckTokens(std::span<const TokenId> prompt, std::size_t vocab_size);

// INVALID_ARGUMENT, with the numbers, unless the prompt has 1 to n_ctx - 1 tokens, which leaves
// room for one more, and all of them are in a vocabulary of `vocab_size`.
absl::Status CheckPrompt(std::span<const TokenId> prompt, std::size_t n_ctx,
                         std::size_t vocab_size);

// Positions of the KV cache that a sequence needs from its start to its end: those of the prompt
// and of all tokens that it may generate, but for the last one, which never runs through the model.
// REQUIRES: 0 < prompt_tokens < n_ctx, max_new_tokens > 0.
std::size_t PositionsNeeded(std::size_t prompt_tokens, std::size_t max_new_tokens,
                            std::size_t n_ctx);

}  // namespace cascade::model
