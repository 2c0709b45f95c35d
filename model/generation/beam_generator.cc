// SPDX-License-Identifier: Apache-2.0

#include "model/generation/beam_generator.h"

#include <algorithm>
#include <cstddef>
#include <optional>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "model/cache/kv_cache.h"
#include "model/config.h"
#include "model/generation/beam_search.h"
#include "model/generation/limits.h"
#include "model/language_model.h"
#include "model/row_range.h"
#include "model/tokenizer/tokenizer.h"

namespace cascade::model {
namespace {

using Rows = std::vector<std::span<const float>>;

// The beams of one request in the cache, and the model that they run on. All of them are equally
// long.
class Beams {
 public:
  Beams(LanguageModel& model, KvCache& cache, BlockTable prompt, std::size_t capacity)
      : model_(model), cache_(cache), capacity_(capacity) {
    tables_.push_back(std::move(prompt));
  }

  // Runs the prompt. Returns the logits of its last row, valid until the next step, as those of
  // Forward.
  Rows Prefill(std::span<const TokenId> prompt) {
    while (prompt.size() > model_.max_rows()) {
      Run({{0, prompt.first(model_.max_rows())}}, /*logit_rows=*/{});
      prompt = prompt.subspan(model_.max_rows());
    }
    const RowRange last = {.first = prompt.size() - 1, .count = 1};
    return Run({{0, prompt}}, {&last, 1});
  }

  // Follows other beams than before. False if the cache has too few free blocks. Takes no more of
  // them than the beams had: those that nobody follows give theirs back first, and the first that
  // follows a beam keeps its blocks.
  bool Follow(std::span<const BeamSearch::Extension> extensions) {
    std::vector<std::optional<std::size_t>> heirs(tables_.size());
    for (std::size_t beam = 0; beam < extensions.size(); ++beam) {
      std::optional<std::size_t>& heir = heirs[extensions[beam].parent];
      if (!heir) heir = beam;
    }
    for (std::size_t parent = 0; parent < tables_.size(); ++parent) {
      if (!heirs[parent]) tables_[parent].Reset();
    }
    std::vector<BlockTable> tables(extensions.size());
    for (std::size_t beam = 0; beam < extensions.size(); ++beam) {
      const std::size_t parent = extensions[beam].parent;
      if (heirs[parent] == beam) continue;
      std::optional<BlockTable> fork = cache_.TryFork(tables_[parent], position_, capacity_);
      if (!fork) return false;
      tables[beam] = *std::move(fork);
    }
    for (std::size_t parent = 0; parent < tables_.size(); ++parent) {
      if (heirs[parent]) tables[*heirs[parent]] = std::move(tables_[parent]);
    }
    tables_ = std::move(tables);
    return true;
  }

  // Runs one more token of each beam. Returns their logits, beam by beam.
  Rows Forward(std::span<const BeamSearch::Extension> extensions) {
    std::vector<Tokens> tokens;
    for (std::size_t beam = 0; beam < extensions.size(); ++beam) {
      tokens.push_back({beam, {&extensions[beam].token, 1}});
    }
    const RowRange all = {.first = 0, .count = tokens.size()};
    return Run(tokens, {&all, 1});
  }

 private:
  struct Tokens {
    std::size_t beam;
    std::span<const TokenId> tokens;
  };

  Rows Run(const std::vector<Tokens>& chunks, std::span<const RowRange> logit_rows) {
    batch_.Clear();
    for (const Tokens& chunk : chunks) batch_.Add(tables_[chunk.beam], position_, chunk.tokens);
    position_ += chunks.front().tokens.size();
    const ConstMatF logits = model_.Forward(batch_, {.logits = logit_rows}, cache_).logits;
    Rows rows;
    for (std::size_t row = 0; row < logits.rows(); ++row) rows.push_back(logits.Row(row));
    return rows;
  }

  LanguageModel& model_;
  KvCache& cache_;
  std::size_t capacity_;
  std::vector<BlockTable> tables_;
  Batch batch_;
  std::size_t position_ = 0;
};

absl::Status NoBlocks(const KvCache& cache) {
  return absl::ResourceExhaustedError(absl::StrCat("the KV cache has ", cache.free_blocks(), " of ",
                                                   cache.num_blocks(), " blocks free"));
}

Generation ToGeneration(BeamSearch::Answer answer) {
  Generation generation;
  for (DecodingStep& step : answer) {
    generation.text += step.text;
    if (step.token) generation.tokens.push_back(*std::move(step.token));
    if (step.finish) generation.finish = *std::move(step.finish);
  }
  return generation;
}

}  // namespace

absl::StatusOr<std::vector<Generation>> GenerateBeams(LanguageModel& model,
                                                      const Tokenizer& tokenizer, KvCache& cache,
                                                      std::span<const TokenId> prompt,
                                                      const GenerationParams& params) {
  const ModelConfig& config = model.config();
  absl::Status status = CheckPrompt(prompt, config.n_ctx, config.vocab_size);
  if (!status.ok()) return status;
  if (params.beams->width > model.max_rows()) {
    return absl::InvalidArgumentError(absl::StrCat("there are ", params.beams->width,
                                                   " beams; there may be ", model.max_rows(),
                                                   ", the rows of the model's step"));
  }
  const std::size_t positions =
      PositionsNeeded(prompt.size(), params.stopping.max_new_tokens, config.n_ctx);
  std::optional<BlockTable> table = cache.TryAllocate(positions);
  if (!table) return NoBlocks(cache);
  Beams beams(model, cache, *std::move(table), positions);
  BeamSearch search(params, prompt, config.n_ctx, tokenizer);
  Rows logits = beams.Prefill(prompt);
  while (true) {
    const absl::StatusOr<std::vector<BeamSearch::Extension>> extensions = search.Step(logits);
    if (!extensions.ok()) return extensions.status();
    if (search.done()) break;
    if (!beams.Follow(*extensions)) return NoBlocks(cache);
    logits = beams.Forward(*extensions);
  }
  std::vector<Generation> generations;
  for (BeamSearch::Answer& answer : search.TakeAnswers()) {
    generations.push_back(ToGeneration(std::move(answer)));
  }
  return generations;
}

}  // namespace cascade::model
