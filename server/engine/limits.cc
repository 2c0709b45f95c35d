// SPDX-License-Identifier: Apache-2.0

#include "server/engine/limits.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "model/cache/kv_cache.h"
#include "model/generation/limits.h"
#include "model/kernels/kv_block.h"

namespace cascade::server {
namespace {

// All choices of a request run side by side, so each needs a place in the step.
absl::Status CheckChoices(const GenerationRequest& request, const EngineLimits& limits) {
  if (request.choices == 0 || request.choices > limits.max_running) {
    return absl::InvalidArgumentError(
        absl::StrCat("the request has ", request.choices, " choices; it must have 1 to ",
                     limits.max_running, ", the sequences of one step"));
  }
  return absl::OkStatus();
}

}  // namespace

std::size_t FirstScored(const GenerationRequest& request) {
  const std::size_t prompt = request.prompt.size();
  return std::min(request.params.output.prompt_logprobs_from.value_or(prompt), prompt);
}

std::size_t PositionsNeeded(const GenerationRequest& request, std::size_t n_ctx) {
  return model::PositionsNeeded(request.prompt.size(), request.params.stopping.max_new_tokens,
                                n_ctx);
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
  absl::Status prompt = model::CheckPrompt(request.prompt, limits.n_ctx, limits.vocab_size);
  if (!prompt.ok()) return prompt;
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
