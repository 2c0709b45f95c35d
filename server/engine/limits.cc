// SPDX-License-Identifier: Apache-2.0

#include "server/engine/limits.h"

#include <algorithm>
#include <cstdint>
#include <limits>

#include "absl/strings/str_cat.h"
#include "model/cache/kv_cache.h"
#include "model/kernels/kv_block.h"
#include "model/token.h"

namespace cascade::server {
namespace {

absl::Status CheckPrompt(const GenerationRequest& request, const EngineLimits& limits) {
  const std::size_t prompt = request.prompt.size();
  if (prompt == 0 || prompt >= limits.n_ctx) {
    return absl::InvalidArgumentError(
        absl::StrCat("the prompt has ", prompt, " tokens; it must have 1 to ", limits.n_ctx - 1,
                     ", to leave room for one in a context of ", limits.n_ctx));
  }
  for (const model::TokenId token : request.prompt) {
    if (token >= limits.vocab_size) {
      return absl::InvalidArgumentError(absl::StrCat(
          "token ", token, " of the prompt is not in the vocabulary of ", limits.vocab_size));
    }
  }
  return absl::OkStatus();
}

// All choices of a request run side by side, so each needs a place in the step.
absl::Status CheckChoices(const GenerationRequest& request, const EngineLimits& limits) {
  if (request.choices == 0 || request.choices > limits.max_running) {
    return absl::InvalidArgumentError(
        absl::StrCat("the request has ", request.choices, " choices; it must have 1 to ",
                     limits.max_running, ", the sequences of one step"));
  }
  constexpr std::size_t kLast = std::numeric_limits<std::uint32_t>::max();
  if (request.choices - 1 > kLast - request.first_choice) {
    return absl::InvalidArgumentError(absl::StrCat("the number of the last choice, ",
                                                   request.first_choice, " + ", request.choices,
                                                   " - 1, is greater than ", kLast));
  }
  return absl::OkStatus();
}

}  // namespace

std::size_t PositionsNeeded(const GenerationRequest& request, std::size_t n_ctx) {
  const std::size_t prompt = request.prompt.size();
  return prompt + std::min(request.params.stopping.max_new_tokens, n_ctx - prompt) - 1;
}

std::size_t BlocksPerFork(const GenerationRequest& request, std::size_t n_ctx) {
  const std::size_t shared = request.prompt.size() / model::kernels::kBlockPositions;
  return model::KvCache::BlocksFor(PositionsNeeded(request, n_ctx)) - shared;
}

std::size_t BlocksNeeded(const GenerationRequest& request, std::size_t n_ctx) {
  return model::KvCache::BlocksFor(PositionsNeeded(request, n_ctx)) +
         (request.choices - 1) * BlocksPerFork(request, n_ctx);
}

absl::Status CheckRunnable(const GenerationRequest& request, const EngineLimits& limits) {
  if (absl::Status status = CheckPrompt(request, limits); !status.ok()) return status;
  if (request.params.stopping.max_new_tokens == 0) {
    return absl::InvalidArgumentError("max_new_tokens is 0; it must be at least 1");
  }
  if (absl::Status status = CheckChoices(request, limits); !status.ok()) return status;
  const std::size_t blocks = BlocksNeeded(request, limits.n_ctx);
  if (blocks <= limits.total_blocks) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat(
      request.choices == 1 ? "" : absl::StrCat(request.choices, " choices of "), "a prompt of ",
      request.prompt.size(), " tokens and max_new_tokens ", request.params.stopping.max_new_tokens,
      " need ", blocks, " blocks of the KV cache, which has ", limits.total_blocks));
}

}  // namespace cascade::server
