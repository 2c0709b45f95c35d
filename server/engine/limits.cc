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
  if (request.choice_sampling.size() > request.choices) {
    return absl::InvalidArgumentError(
        absl::StrCat("the request says how ", request.choice_sampling.size(),
                     " choices are drawn; it has no more than ", request.choices));
  }
  return absl::OkStatus();
}

absl::Status CheckBeams(const GenerationRequest& request) {
  if (!request.params.beams) return absl::OkStatus();
  const model::BeamParams& beams = *request.params.beams;
  if (!Generates(request) || request.choices != beams.width || beams.returned == 0 ||
      beams.returned > beams.width || beams.groups == 0 || beams.width % beams.groups != 0) {
    return absl::InvalidArgumentError(absl::StrCat(
        "there are ", beams.width, " beams in ", beams.groups, " groups for ", beams.returned,
        " answers, and ", request.choices, " choices; the beams must be as many as the choices, a ",
        "multiple of the groups, and no fewer than the answers"));
  }
  return absl::OkStatus();
}

// The prompt of a request that ends with it.
absl::Status CheckPromptAlone(const GenerationRequest& request, const EngineLimits& limits) {
  const std::size_t prompt = request.prompt.size();
  const bool hidden = request.hidden_from.has_value();
  if (hidden == request.params.output.prompt_logprobs_from.has_value()) {
    return absl::InvalidArgumentError(
        "max_new_tokens is 0; it must be at least 1, unless either hidden states or "
        "log-probabilities of the prompt are wanted");
  }
  const std::size_t fewest = hidden ? 1 : 2;  // the first token has no log-probability
  const std::size_t most = hidden ? limits.n_ctx : limits.n_ctx + 1;
  if (prompt < fewest || prompt > most) {
    return absl::InvalidArgumentError(
        absl::StrCat("the prompt has ", prompt, " tokens; it must have ", fewest, " to ", most,
                     " in a context of ", limits.n_ctx, " if nothing is generated"));
  }
  const std::size_t from = hidden ? *request.hidden_from : FirstScored(request);
  if (from >= prompt) {
    return absl::InvalidArgumentError(absl::StrCat("what is wanted of the prompt begins at index ",
                                                   from, "; it must begin below its size, ",
                                                   prompt));
  }
  if (request.choices != 1) {
    return absl::InvalidArgumentError(absl::StrCat("the request has ", request.choices,
                                                   " choices and generates nothing; it must "
                                                   "have 1"));
  }
  return model::CheckTokens(request.prompt, limits.vocab_size);
}

// The answer's tokens behind the prompt.
absl::Status CheckResumed(const GenerationRequest& request, const EngineLimits& limits) {
  if (request.resumed == 0) return absl::OkStatus();
  const bool wants_prompt = request.hidden_from || request.params.output.prompt_logprobs_from;
  if (!Generates(request) || request.choices != 1 || request.params.beams || wants_prompt) {
    return absl::InvalidArgumentError(absl::StrCat(
        request.resumed, " tokens of an answer are resumed; it must be the only one, without ",
        "beams, and nothing may be wanted of the prompt"));
  }
  if (request.resumed >= request.prompt.size() || request.prompt.size() > limits.n_ctx ||
      request.resumed > request.params.stopping.max_new_tokens) {
    return absl::InvalidArgumentError(absl::StrCat(
        "of ", request.prompt.size(), " tokens ", request.resumed,
        " are an answer's that is resumed; one at least must be the prompt's, the answer's at most "
        "max_new_tokens, ",
        request.params.stopping.max_new_tokens, ", and all at most ", limits.n_ctx,
        ", the context"));
  }
  return model::CheckTokens(request.prompt, limits.vocab_size);
}

absl::Status CheckPrompt(const GenerationRequest& request, const EngineLimits& limits) {
  if (absl::Status status = CheckResumed(request, limits); !status.ok()) return status;
  if (!Generates(request)) return CheckPromptAlone(request, limits);
  if (request.hidden_from) {
    return absl::InvalidArgumentError(
        absl::StrCat("hidden states are wanted and max_new_tokens is ",
                     request.params.stopping.max_new_tokens, "; it must be 0"));
  }
  return model::CheckPrompt(PromptOf(request), limits.n_ctx, limits.vocab_size);
}

}  // namespace

bool Generates(const GenerationRequest& request) {
  return request.params.stopping.max_new_tokens > 0;
}

std::span<const model::TokenId> PromptOf(const GenerationRequest& request) {
  return std::span(request.prompt).first(request.prompt.size() - request.resumed);
}

std::size_t PromptTokensToRun(const GenerationRequest& request) {
  return request.prompt.size() - (Generates(request) || request.hidden_from ? 0 : 1);
}

std::size_t FirstScored(const GenerationRequest& request) {
  const std::size_t prompt = request.prompt.size();
  return std::min(request.params.output.prompt_logprobs_from.value_or(prompt), prompt);
}

std::uint64_t SeedOf(const GenerationRequest& request, std::size_t choice) {
  return choice < request.choice_sampling.size() ? request.choice_sampling[choice].seed
                                                 : request.params.sampling.seed + choice;
}

std::size_t PositionsNeeded(const GenerationRequest& request, std::size_t n_ctx) {
  if (!Generates(request)) return PromptTokensToRun(request);
  const std::size_t needed = model::PositionsNeeded(PromptOf(request).size(),
                                                    request.params.stopping.max_new_tokens, n_ctx);
  return std::max(needed, request.prompt.size());  // an answer that is resumed may have its last
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
  if (absl::Status status = CheckChoices(request, limits); !status.ok()) return status;
  if (absl::Status status = CheckBeams(request); !status.ok()) return status;
  const std::size_t blocks = BlocksNeeded(request, limits.n_ctx);
  if (blocks <= limits.total_blocks) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat(
      request.choices == 1 ? "" : absl::StrCat(request.choices, " choices of "), "a prompt of ",
      request.prompt.size(), " tokens and max_new_tokens ", request.params.stopping.max_new_tokens,
      " need ", blocks, " blocks of the KV cache, which has ", limits.total_blocks));
}

}  // namespace cascade::server
