// SPDX-License-Identifier: Apache-2.0

#include "model/generation/generator.h"

#include <cstddef>
#include <optional>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "model/cache/kv_cache.h"
#include "model/config.h"
#include "model/generation/decoding.h"
#include "model/generation/limits.h"
#include "model/language_model.h"
#include "model/row_range.h"
#include "model/tokenizer/tokenizer.h"

namespace cascade::model {
namespace {

// Allocates blocks for the whole sequence at once, so that it cannot run out of them half-way.
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
  Run(LanguageModel& model, KvCache& cache, BlockTable blocks)
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
    return model_.Forward(batch_, {.logits = logit_rows}, cache_).logits;
  }

  LanguageModel& model_;
  KvCache& cache_;
  BlockTable blocks_;
  Batch batch_;
  std::size_t position_ = 0;
};

}  // namespace

absl::StatusOr<Generation> Generator::Generate(
    std::span<const TokenId> prompt, const GenerationParams& params,
    absl::FunctionRef<void(const DecodingStep&)> on_step) {
  const ModelConfig& config = model_.config();
  absl::Status status = CheckPrompt(prompt, config.n_ctx, config.vocab_size);
  if (!status.ok()) return status;
  absl::StatusOr<BlockTable> blocks = AllocateBlocks(
      cache_, PositionsNeeded(prompt.size(), params.stopping.max_new_tokens, config.n_ctx));
  if (!blocks.ok()) return blocks.status();

  Run run(model_, cache_, *std::move(blocks));
  Decoding decoding(params, /*choice=*/0, prompt, config.n_ctx, tokenizer_);
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
