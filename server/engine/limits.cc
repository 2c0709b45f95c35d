#include "server/engine/limits.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "model/cache/kv_cache.h"
#include "model/token.h"

namespace cascade::server {

std::size_t PositionsNeeded(const GenerationRequest& request, std::size_t n_ctx) {
  const std::size_t prompt = request.prompt.size();
  return prompt + std::min(request.params.stopping.max_new_tokens, n_ctx - prompt) - 1;
}

absl::Status CheckRunnable(const GenerationRequest& request, const EngineLimits& limits) {
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
  if (request.params.stopping.max_new_tokens == 0) {
    return absl::InvalidArgumentError("max_new_tokens is 0; it must be at least 1");
  }
  const std::size_t positions = PositionsNeeded(request, limits.n_ctx);
  const std::size_t blocks = model::KvCache::BlocksFor(positions);
  if (blocks > limits.total_blocks) {
    return absl::InvalidArgumentError(
        absl::StrCat("a prompt of ", prompt, " tokens and max_new_tokens ",
                     request.params.stopping.max_new_tokens, " need ", blocks,
                     " blocks of the KV cache, which has ", limits.total_blocks));
  }
  return absl::OkStatus();
}

}  // namespace cascade::server
