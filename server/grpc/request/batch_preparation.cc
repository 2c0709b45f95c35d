// SPDX-License-Identifier: Apache-2.0

#include "server/grpc/request/batch_preparation.h"

#include <algorithm>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "model/kernels/kv_block.h"
#include "model/tokenizer/tokenizer.h"
#include "server/engine/clock.h"
#include "server/grpc/model_info.h"
#include "server/grpc/request/batch_request.h"
#include "server/grpc/request/limits.h"
#include "server/grpc/request/preparation.h"
#include "server/grpc/request/validation.h"
#include "server/grpc/request/violations.h"

namespace cascade::server {
namespace {

using Tokens = std::vector<model::TokenId>;

// What a part costs beside its tokens and its answer: a generation, its names, its place in lists.
constexpr std::size_t kPartBytes = 2048;

// The tokens of the input at `path`; INVALID_ARGUMENT for a token that only the tokenizer has.
absl::StatusOr<Tokens> TokensOf(const BatchRequest& request, const std::string& path,
                                const InputText& input, const ModelInfo& info,
                                const model::Tokenizer& tokenizer) {
  if (!input.text) return Tokens(input.token_ids->begin(), input.token_ids->end());
  absl::StatusOr<Tokens> tokens =
      tokenizer.Encode(*input.text, request.parse_special_tokens ? model::SpecialTokens::kAsToken
                                                                 : model::SpecialTokens::kAsText);
  if (!tokens.ok()) return tokens;
  Violations violations(request.field_name);
  CheckTokensOfText(absl::StrCat(path, ".text"), *tokens, info, violations);
  if (absl::Status status = violations.ToStatus(); !status.ok()) return status;
  return tokens;
}

// A request that generates nothing.
GenerationRequest NewPart(const BatchRequest& request, const std::string& id, absl::Time deadline,
                          Tokens prompt) {
  GenerationRequest part;
  part.id = id;
  part.prompt = std::move(prompt);
  part.params.stopping.max_new_tokens = 0;
  part.deadline = deadline;
  part.priority = request.priority;
  part.use_prefix_cache = !request.cache.bypass;
  part.cache_salt = std::string(request.cache.salt);
  part.speculate = false;
  return part;
}

std::string IdOf(const BatchRequest& request) {
  return request.request_id.empty() ? MakeRequestId() : std::string(request.request_id);
}

absl::Status TooManyValues(const EmbeddingRequest& request, std::size_t values,
                           const ModelInfo& info) {
  Violations violations(request.field_name);
  violations.Add("inputs",
                 absl::StrCat("have more tokens than one answer tells hidden states of: ",
                              values / info.config.n_embd, " vectors of ", info.config.n_embd,
                              " numbers; must be at most ", kMaxEmbedValues, " numbers in all"));
  return violations.ToStatus();
}

// Bytes of a part that has `values` numbers in the answer: as they are pooled, in the message and
// on the wire; a mean is summed in numbers of twice the size.
std::size_t HeldBytes(const EmbeddingRequest& request, const GenerationRequest& part,
                      std::size_t values) {
  const std::size_t sums = request.pooling == Pooling::kMean ? values * sizeof(double) : 0;
  return kPartBytes + part.prompt.size() * sizeof(model::TokenId) + 3 * values * sizeof(float) +
         sums;
}

// The continuation at `place` has a token, and fits behind `prompt`.
absl::Status CheckScored(const BatchRequest& request, const std::string& place,
                         const Tokens& prompt, const Tokens& continuation, const ModelInfo& info) {
  Violations violations(request.field_name);
  const std::size_t tokens = prompt.size() + continuation.size();
  if (continuation.empty()) {
    violations.Add(place, "must have at least one token; its text has none");
  } else if (tokens > info.MaxPositions() + 1) {
    violations.Add(place, absl::StrCat("is, with its prompt, ",
                                       SequenceTooLong(tokens, info.MaxPositions() + 1, info)));
  }
  return violations.ToStatus();
}

// A request that scores `continuation` after `prompt`.
GenerationRequest NewScored(const ScoringRequest& request, const std::string& id,
                            absl::Time deadline, Tokens prompt, const Tokens& continuation) {
  const std::size_t from = prompt.size();
  prompt.insert(prompt.end(), continuation.begin(), continuation.end());
  GenerationRequest part = NewPart(request, id, deadline, std::move(prompt));
  part.params.output.prompt_logprobs_from = from;
  part.params.output.ranks = true;
  return part;
}

// Whether a request behind the same prompt may find a block of it in the prefix cache: its last
// position runs each time, for the first token's logits.
bool MayShare(const GenerationRequest& part, const Tokens& prompt) {
  return part.use_prefix_cache && prompt.size() > model::kernels::kBlockPositions;
}

// Bytes of a part of which `tokens` are scored: as they are kept, in the message and on the wire.
std::size_t HeldBytes(const ScoringRequest& request, const GenerationRequest& part,
                      std::size_t tokens) {
  constexpr std::size_t kMessageBytes = 64;
  const std::size_t told = request.logprobs ? sizeof(model::GeneratedToken) + kMessageBytes : 0;
  return kPartBytes + part.prompt.size() * sizeof(model::TokenId) + tokens * told;
}

// The part of one input, which truncation may shorten.
absl::StatusOr<PreparedBatch::Part> PrepareInput(const EmbeddingRequest& request,
                                                 const std::string& id, absl::Time deadline,
                                                 std::size_t index, const ModelInfo& info,
                                                 const model::Tokenizer& tokenizer) {
  const InputText& input = request.inputs[index];
  const std::string path = Element("inputs", index);
  absl::StatusOr<Tokens> tokens = TokensOf(request, path, input, info, tokenizer);
  if (!tokens.ok()) return tokens.status();
  PreparedBatch::Part part;
  if (request.truncation) {
    const std::size_t most = request.truncation->max_prompt_tokens.value_or(info.MaxPositions());
    part.truncated_tokens =
        Truncate(request.truncation->keep_beginning, std::min(most, info.MaxPositions()), *tokens);
  }
  if (tokens->size() > info.MaxPositions()) {
    Violations violations(request.field_name);
    violations.Add(absl::StrCat(path, input.text ? ".text" : ".token_ids"),
                   absl::StrCat("is ", SequenceTooLong(tokens->size(), info.MaxPositions(), info),
                                "; shorten it, or set truncation"));
    return violations.ToStatus();
  }
  part.generation = NewPart(request, id, deadline, *std::move(tokens));
  const bool last = request.pooling == Pooling::kLast;
  part.generation.hidden_from = last ? part.generation.prompt.size() - 1 : 0;
  return part;
}

// The tokens that the continuations of an item stand behind.
absl::StatusOr<Tokens> PromptOf(const ScoringRequest& request, std::size_t index,
                                const ModelInfo& info, const model::Tokenizer& tokenizer) {
  const InputText& prompt = request.items[index].prompt;
  if (prompt.empty()) return Tokens{info.defaults.eos_token_ids.front()};
  return TokensOf(request, absl::StrCat(Element("items", index), ".prompt"), prompt, info,
                  tokenizer);
}

}  // namespace

absl::StatusOr<PreparedBatch> Prepare(const EmbeddingRequest& request, absl::Time deadline,
                                      const ModelInfo& info, const model::Tokenizer& tokenizer) {
  if (deadline <= MonotonicNow()) return absl::DeadlineExceededError("the deadline has passed");
  PreparedBatch batch;
  batch.parts.reserve(request.inputs.size());
  const std::string id = IdOf(request);
  std::size_t all_values = 0;
  for (std::size_t i = 0; i < request.inputs.size(); ++i) {
    absl::StatusOr<PreparedBatch::Part> part =
        PrepareInput(request, id, deadline, i, info, tokenizer);
    if (!part.ok()) return part.status();
    const std::size_t vectors =
        request.pooling == Pooling::kTokens ? part->generation.prompt.size() : 1;
    all_values += vectors * info.config.n_embd;
    batch.held_bytes += HeldBytes(request, part->generation, vectors * info.config.n_embd);
    batch.parts.push_back(*std::move(part));
  }
  if (all_values > kMaxEmbedValues) return TooManyValues(request, all_values, info);
  return batch;
}

absl::StatusOr<PreparedBatch> Prepare(const ScoringRequest& request, absl::Time deadline,
                                      const ModelInfo& info, const model::Tokenizer& tokenizer) {
  if (deadline <= MonotonicNow()) return absl::DeadlineExceededError("the deadline has passed");
  PreparedBatch batch;
  batch.parts.reserve(request.requests());
  const std::string id = IdOf(request);
  for (std::size_t i = 0; i < request.items.size(); ++i) {
    const ScoringRequest::Item& item = request.items[i];
    const std::string path = Element("items", i);
    const absl::StatusOr<Tokens> prompt = PromptOf(request, i, info, tokenizer);
    if (!prompt.ok()) return prompt.status();
    const std::size_t first = batch.parts.size();
    for (std::size_t j = 0; j < item.continuations.size(); ++j) {
      const std::string place = Element(absl::StrCat(path, ".continuations"), j);
      absl::StatusOr<Tokens> tokens =
          TokensOf(request, place, item.continuations[j], info, tokenizer);
      if (!tokens.ok()) return tokens.status();
      if (absl::Status status = CheckScored(request, place, *prompt, *tokens, info); !status.ok()) {
        return status;
      }
      PreparedBatch::Part part = {.generation = NewScored(request, id, deadline, *prompt, *tokens),
                                  .item = i,
                                  .continuation = j};
      if (j > 0 && MayShare(part.generation, *prompt)) part.after = first;
      batch.held_bytes += HeldBytes(request, part.generation, tokens->size());
      batch.parts.push_back(std::move(part));
    }
  }
  return batch;
}

}  // namespace cascade::server
