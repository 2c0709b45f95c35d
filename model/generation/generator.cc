// SPDX-License-Identifier: Apache-2.0

#include "model/generation/generator.h"

#include <algorithm>
#include <cstddef>
#include <optional>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"

namespace cascade::model {
namespace {

absl::Status CheckPrompt(std::span<const TokenId> prompt, const ModelConfig& config) {
  if (prompt.empty()) {
    return absl::InvalidArgumentError("the prompt is empty: it needs at least one token");
  }
  if (prompt.size() >= config.n_ctx) {
    return absl::InvalidArgumentError(
        absl::StrCat("the prompt has ", prompt.size(), " tokens: with n_ctx = ", config.n_ctx,
                     " it may have ", config.n_ctx - 1, ", so that there is room for one more"));
  }
  for (std::size_t i = 0; i < prompt.size(); ++i) {
    if (prompt[i] < config.vocab_size) continue;
    return absl::InvalidArgumentError(absl::StrCat("prompt token [", i, "] is ", prompt[i],
                                                   ": with vocab_size = ", config.vocab_size,
                                                   " the largest id is ", config.vocab_size - 1));
  }
  return absl::OkStatus();
}

// Blocks for the whole sequence at once, so that it cannot run out of them half-way.
absl::StatusOr<BlockTable> AllocateBlocks(KvCache& cache, std::size_t positions) {
  std::optional<BlockTable> blocks = cache.TryAllocate(positions);
  if (blocks) return *std::move(blocks);
  return absl::ResourceExhaustedError(
      absl::StrCat("the KV cache has ", cache.free_blocks(), " of ", cache.num_blocks(),
                   " blocks free: ", positions, " positions need ", KvCache::BlocksFor(positions)));
}

// One sequence on its way through the model. Borrows everything but its blocks.
class Run {
 public:
  Run(Gpt2& model, KvCache& cache, BlockTable blocks)
      : model_(model), cache_(cache), blocks_(std::move(blocks)) {}

  // Runs `tokens` at the next positions and returns the logits after the last one, valid until the
  // next call. REQUIRES: at least one token, and blocks for all of them.
  std::span<const float> Forward(std::span<const TokenId> tokens) {
    while (tokens.size() > model_.max_rows()) {
      Step(tokens.first(model_.max_rows()), {});
      tokens = tokens.subspan(model_.max_rows());
    }
    const RowRange last_row{.first = tokens.size() - 1, .count = 1};
    return Step(tokens, {&last_row, 1}).Row(0);
  }

 private:
  ConstMatF Step(std::span<const TokenId> tokens, std::span<const RowRange> logit_rows) {
    batch_.Clear();
    batch_.Add(blocks_, position_, tokens);
    position_ += tokens.size();
    return model_.Forward(batch_, {.logits = logit_rows, .hidden = {}}, cache_).logits;
  }

  Gpt2& model_;
  KvCache& cache_;
  BlockTable blocks_;
  Batch batch_;
  std::size_t position_ = 0;
};

}  // namespace

absl::StatusOr<Generation> Generator::Generate(std::span<const TokenId> prompt,
                                               const GenerationParams& params,
                                               absl::FunctionRef<void(const DecodingStep&)> on_step,
                                               std::uint32_t choice) {
  const ModelConfig& config = model_.config();
  if (absl::Status status = CheckPrompt(prompt, config); !status.ok()) return status;
  const std::size_t room = config.n_ctx - prompt.size();
  const std::size_t positions = prompt.size() + std::min(params.stopping.max_new_tokens, room);
  absl::StatusOr<BlockTable> blocks = AllocateBlocks(cache_, positions);
  if (!blocks.ok()) return blocks.status();

  Run run(model_, cache_, *std::move(blocks));
  Decoding decoding(params, choice, prompt, config.n_ctx, tokenizer_);
  Generation generation;
  std::span<const float> logits = run.Forward(prompt);
  while (true) {
    absl::StatusOr<DecodingStep> step = decoding.Next(logits);
    if (!step.ok()) return step.status();
    on_step(*step);
    generation.text += step->text;
    generation.tokens.push_back(*std::move(step->token));
    if (step->finish) {
      generation.finish = *std::move(step->finish);
      return generation;
    }
    logits = run.Forward({&generation.tokens.back().id, 1});
  }
}

}  // namespace cascade::model
