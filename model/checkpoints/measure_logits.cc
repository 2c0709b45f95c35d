// SPDX-License-Identifier: Apache-2.0
// Checkpoints 8 and 9: the whole model.
#include <algorithm>
#include <cstddef>
#include <span>
#include <vector>

#include "model/checkpoints/measures.h"
#include "model/checkpoints/whole_model.h"
#include "model/kernels/kv_block.h"

namespace cascade::model {
namespace {

// Compares the logits after some positions of one prompt, which goes through the model at once.
absl::Status CompareLogits(CheckedModel& model, std::span<const TokenId> tokens,
                           std::span<const std::size_t> positions, const GoldenTensor& expected,
                           absl::string_view what, Measurement& measurement) {
  const absl::StatusOr<Gpt2*> whole = model.WholeModel();
  if (!whole.ok()) return whole.status();
  absl::StatusOr<KvCache> cache = model.MakeCache(tokens.size());
  if (!cache.ok()) return cache.status();
  Tensor logits = LogitsAt(**whole, *cache, tokens, positions, model.config().n_ctx);
  measurement.CompareMatrices(logits.Rows(positions.size()), expected.AsMat(), what);
  return absl::OkStatus();
}

}  // namespace

absl::Status MeasureLogitsOfShortPrompt(CheckedModel& model, Measurement& measurement) {
  const absl::StatusOr<GoldenLogits> golden = model.golden().Logits();
  if (!golden.ok()) return golden.status();
  return CompareLogits(model, golden->short_tokens, FirstPositions(golden->short_tokens.size()),
                       golden->short_logits, "short prompt", measurement);
}

absl::Status MeasureLogitsOfFullContext(CheckedModel& model, Measurement& measurement) {
  const absl::StatusOr<GoldenLogits> golden = model.golden().Logits();
  if (!golden.ok()) return golden.status();
  return CompareLogits(model, golden->context_tokens, golden->context_positions,
                       golden->context_logits, "full context", measurement);
}

absl::Status MeasureLogitsAfterPrompts(CheckedModel& model, Measurement& measurement) {
  const absl::StatusOr<GoldenLogits> golden = model.golden().Logits();
  if (!golden.ok()) return golden.status();
  const absl::StatusOr<std::vector<GoldenGeneration>> prompts = model.golden().Generations();
  if (!prompts.ok()) return prompts.status();
  const absl::StatusOr<Gpt2*> whole = model.WholeModel();
  if (!whole.ok()) return whole.status();
  absl::StatusOr<KvCache> cache = model.MakeCache(model.config().n_ctx);
  if (!cache.ok()) return cache.status();
  Tensor kept(prompts->size(), golden->columns.size());
  for (std::size_t i = 0; i < prompts->size(); ++i) {
    const std::vector<TokenId>& tokens = (*prompts)[i].prompt_ids;
    Tensor logits = LogitsAt(**whole, *cache, tokens, {{tokens.size() - 1}}, model.config().n_ctx);
    const std::span<float> row = kept.Rows(prompts->size()).Row(i);
    for (std::size_t c = 0; c < row.size(); ++c) {
      row[c] = logits.Rows(1).Row(0)[golden->columns[c]];
    }
  }
  measurement.CompareMatrices(kept.Rows(prompts->size()), golden->after_prompts.AsMat(),
                              "last logits of every prompt");
  return absl::OkStatus();
}

absl::Status MeasureFinalHiddenStates(CheckedModel& model, Measurement& measurement) {
  const absl::StatusOr<GoldenTrace> trace = model.golden().Trace();
  if (!trace.ok()) return trace.status();
  const absl::StatusOr<Gpt2*> whole = model.WholeModel();
  if (!whole.ok()) return whole.status();
  absl::StatusOr<KvCache> cache = model.MakeCache(trace->tokens.size());
  if (!cache.ok()) return cache.status();
  WholeSequence prompt(**whole, *cache, trace->tokens);
  const StepOutputs outputs = prompt.Forward({}, {{.first = 0, .count = trace->tokens.size()}});
  measurement.CompareMatrices(outputs.hidden, trace->ln_f.AsMat(), "final hidden states");
  return absl::OkStatus();
}

absl::Status MeasureSelectedLogits(CheckedModel& model, Measurement& measurement) {
  const absl::StatusOr<GoldenTrace> trace = model.golden().Trace();
  if (!trace.ok()) return trace.status();
  const absl::StatusOr<Gpt2*> whole = model.WholeModel();
  if (!whole.ok()) return whole.status();
  const std::size_t count = trace->tokens.size();
  // Two sequences: the one whose logits are all computed, and the one of which rows are selected.
  absl::StatusOr<KvCache> cache =
      model.MakeCache(2 * KvCache::BlocksFor(count) * kernels::kBlockPositions);
  if (!cache.ok()) return cache.status();
  Tensor full =
      LogitsAt(**whole, *cache, trace->tokens, FirstPositions(count), model.config().n_ctx);
  WholeSequence prompt(**whole, *cache, trace->tokens);
  for (const RowRanges& rows : Selections(count)) {
    Tensor expected = Select(full.Rows(count), rows);
    measurement.CompareMatrices(prompt.Forward(rows, {}).logits, expected.Rows(expected.rows()),
                                Describe(rows));
  }
  return absl::OkStatus();
}

}  // namespace cascade::model
